namespace Evenkeel.Nn;

/// <summary>A layer whose weight has the outputs in dimension 1, as PyTorch's transposed convolutions.</summary>
internal interface IOutputsInDimension1;
