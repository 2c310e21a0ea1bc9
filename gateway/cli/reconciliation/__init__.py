"""What `reconcile` compares: plain records, books of them, and the rules by which they must agree."""
