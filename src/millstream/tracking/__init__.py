"""Floor 4: the API that training code calls."""
