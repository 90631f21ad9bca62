"""A site for proofs: the load generator's counting, served by a real Django and a real Pecan application."""
