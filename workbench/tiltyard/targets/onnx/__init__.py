"""ONNX files as targets."""
