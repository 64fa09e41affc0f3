"""What a laboratory has measured: reading its files; numbers of power dependences and time traces with errors."""

from padesign.measured.observations import observations as observations
from padesign.measured.power import PowerResult as PowerResult
from padesign.measured.power import analyse_power as analyse_power
from padesign.measured.power import read_alike as read_alike
from padesign.measured.read import Measurement as Measurement
from padesign.measured.read import in_irradiance as in_irradiance
from padesign.measured.read import read_measurement as read_measurement
from padesign.measured.time import TimeResult as TimeResult
from padesign.measured.time import analyse_time as analyse_time
