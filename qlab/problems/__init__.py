"""Small problems whose answer is known: objectives with their gradients, as pure functions of tensors."""
