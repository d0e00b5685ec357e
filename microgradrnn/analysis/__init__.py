"""What happens to a gradient in time.

- `weights`: the gradient of a shared weight, taken apart by time step.
- `losses`: the losses of single steps, and the gradient at each state itemised by them.
- `states`: the gradient at each state, and the Jacobians between states.
- `spectra`: what singular values and eigenvalues say of vanishing and exploding, and what they don't.
"""

from microgradrnn.analysis.losses import grad_by_loss, state_names, step_losses
from microgradrnn.analysis.spectra import Spectrum, power_norms, spectrum
from microgradrnn.analysis.states import find_states, grad_norms, named_states, state_jacobian
from microgradrnn.analysis.weights import grad_by_time

__all__ = [
    "Spectrum",
    "find_states",
    "grad_by_loss",
    "grad_by_time",
    "grad_norms",
    "named_states",
    "power_norms",
    "spectrum",
    "state_jacobian",
    "state_names",
    "step_losses",
]
