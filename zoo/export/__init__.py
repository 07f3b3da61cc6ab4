"""Checkpoints in formats that run without PyTorch's modules: ONNX, in float32 and int8."""
