"""The run file: a closed schema, data only, errors with file and line."""

from padesign.config.check import FreeVariable as FreeVariable
from padesign.config.check import free_variables as free_variables
from padesign.config.check import require_fixed as require_fixed
from padesign.config.check import require_objective as require_objective
from padesign.config.load import LoadedRun as LoadedRun
from padesign.config.load import RunFileError as RunFileError
from padesign.config.load import json_schema as json_schema
from padesign.config.load import load_checked as load_checked
from padesign.config.load import load_run_file as load_run_file
from padesign.config.load import load_run_text as load_run_text
from padesign.config.load import resolve as resolve
from padesign.config.schema import RunFile as RunFile
