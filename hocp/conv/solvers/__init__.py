"""Parts of the solvers that fit factorized kernels to dense ones; `hocp.conv.solve` is their door."""
