namespace Evenkeel.Nn;

/// <summary>
/// The classifier of the lessons: {Linear - [norm] - ReLU - [dropout]} for each hidden layer, then Linear to the class
/// scores. The layers are named <c>0</c>, <c>1</c>, ... as in a <see cref="Sequential"/>. Input (N, inputDim), or (N,
/// ...) with as many values per sample; output (N, classes).
/// </summary>
public sealed class FullyConnected : Module
{
    private readonly Sequential _layers = [];

    /// <summary>Creates the network with PyTorch's default start values.</summary>
    /// <param name="inputDim">Values per sample.</param>
    /// <param name="hiddenDims">Width of each hidden layer; none makes a linear classifier.</param>
    /// <param name="classes">Number of scores.</param>
    /// <param name="norm">The normalization between Linear and ReLU; null is <see cref="NormKind.None"/>.</param>
    /// <param name="dropout">Probability of an element to be dropped after each ReLU; 0 leaves the layers out.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A width is below 1, or <paramref name="dropout"/> is not from 0 to 1.
    /// </exception>
    public FullyConnected(int inputDim, int[] hiddenDims, int classes, NormKind? norm = null, double dropout = 0)
    {
        ArgumentNullException.ThrowIfNull(hiddenDims);
        (InputDim, HiddenDims, Classes, Norm, Dropout) = (inputDim, [.. hiddenDims], classes, norm, dropout);
        int width = inputDim;
        foreach (int hidden in hiddenDims)
        {
            Add(new Linear(width, hidden));
            if (norm?.Create([hidden]) is { } layer) Add(layer);
            Add(new ReLU());
            if (dropout != 0) Add(new Dropout(dropout));
            width = hidden;
        }

        Add(new Linear(width, classes));
    }

    /// <summary>Values per sample.</summary>
    public int InputDim { get; }

    /// <summary>Width of each hidden layer.</summary>
    internal int[] HiddenDims { get; }

    /// <summary>Number of scores.</summary>
    internal int Classes { get; }

    /// <summary>The normalization between Linear and ReLU.</summary>
    internal NormKind? Norm { get; }

    /// <summary>Probability of an element to be dropped.</summary>
    internal double Dropout { get; }

    /// <summary>The layers in order.</summary>
    public IReadOnlyList<Module> Layers => _layers;

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) =>
        _layers.Forward(x.Shape.Rank > 2 ? x.Reshape([x.Shape[0], x.Count / Math.Max(1, x.Shape[0])]) : x);

    private void Add(Module layer)
    {
        // Registered here, not through the chain, so that keys are "0.weight" without a prefix. The chain fuses the
        // pairs.
        Register(_layers.Count.ToString(), layer);
        _layers.Add(layer);
    }
}
