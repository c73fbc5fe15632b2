"""The proof of the steps that are typed on a node: what is compared, and that nothing is left out."""
