"""How much gradient arrives at each time step."""
