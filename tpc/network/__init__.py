"""Networks: weights, inputs, readouts and training, lowered to programs.

Network -> backpropagation, batching -> Program of its kernels or of its training
"""
