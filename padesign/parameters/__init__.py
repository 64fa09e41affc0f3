"""Cited parameter sets (value, uncertainty, source) and host crystals."""

from padesign.parameters.draws import drawn_values as drawn_values
from padesign.parameters.draws import normal_numbers as normal_numbers
from padesign.parameters.hosts import Host as Host
from padesign.parameters.hosts import load_host as load_host
from padesign.parameters.hosts import mismatch_percent as mismatch_percent
from padesign.parameters.hosts import mismatch_warning as mismatch_warning
from padesign.parameters.load import available_hosts as available_hosts
from padesign.parameters.load import available_sets as available_sets
from padesign.parameters.load import load_parameter_set as load_parameter_set
from padesign.parameters.sets import Entry as Entry
from padesign.parameters.sets import ParameterSet as ParameterSet
from padesign.parameters.sets import diff as diff
