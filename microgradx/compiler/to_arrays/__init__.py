"""Forms written with the array functions of JAX or PyTorch."""
