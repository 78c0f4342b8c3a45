using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// The lessons' stack, which shows what start values and normalization do to the scale of a signal: depth times
/// {Linear(width, width) without bias - [norm] - ReLU}, every layer as wide as its input.
/// </summary>
/// <remarks>
/// <para>Input and output: (N, width). State-dict keys: <c>linears.0.weight</c>, ..., <c>bns.0.weight</c>, ...; all
/// linear layers are made first, then all norms, as in the course's script.</para>
/// <para>Source: the course's bn_and_initialize.py.</para>
/// </remarks>
public sealed class DeepMLP : Module
{
    private readonly Sequential _layers = [];

    /// <summary>Creates the stack with PyTorch's default start values.</summary>
    /// <param name="width">Values of a row, in every layer.</param>
    /// <param name="depth">Number of linear layers.</param>
    /// <param name="norm">The normalization between Linear and ReLU; null is <see cref="NormKind.None"/>.</param>
    /// <param name="random">
    /// The stream from which all layers draw their start values, in their order. Null: each layer has its own stream.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">The width or the depth is below 1.</exception>
    public DeepMLP(int width = 256, int depth = 100, NormKind? norm = null, IRandomStream? random = null)
    {
        if (depth < 1)
            throw new ArgumentOutOfRangeException(nameof(depth), $"DeepMLP: expected 1 or more layers, got {depth}.");
        (Width, Depth, Norm) = (width, depth, norm);
        Linears = Register("linears", new Sequential());
        for (int i = 0; i < depth; i++) Linears.Add(new Linear(width, width, bias: false, random: random));
        Norms = new Sequential();
        for (int i = 0; i < depth; i++)
        {
            if (norm?.Create([width]) is { } layer) Norms.Add(layer);
        }

        if (Norms.Count > 0) Register("bns", Norms);
        Activations = Register("relus", new Sequential());
        for (int i = 0; i < depth; i++)
        {
            Activations.Add(new ReLU());
            _layers.Add(Linears[i]);
            if (Norms.Count > 0) _layers.Add(Norms[i]);
            _layers.Add(Activations[i]);
        }
    }

    /// <summary>Values of a row.</summary>
    internal int Width { get; }

    /// <summary>Number of linear layers.</summary>
    internal int Depth { get; }

    /// <summary>The normalization between Linear and ReLU.</summary>
    internal NormKind? Norm { get; }

    /// <summary>The linear layers, for hooks and start values; they are not run one after the other.</summary>
    public Sequential Linears { get; }

    /// <summary>The norms, one per linear layer, or none. They are not run one after the other.</summary>
    public Sequential Norms { get; }

    /// <summary>The ReLUs, whose outputs the lesson looks at; they are not run one after the other.</summary>
    public Sequential Activations { get; }

    /// <summary>The script's <c>initialize()</c>: draws the weights of all linear layers.</summary>
    /// <param name="init">N(0, 1) in its first method, <see cref="Init.KaimingNormal"/> in its second.</param>
    /// <param name="random">The stream from which the layers draw, in their order.</param>
    public void InitializeWeights(Init init, IRandomStream random)
    {
        ArgumentNullException.ThrowIfNull(init);
        foreach (Module layer in Linears) init.Fill(((Linear)layer).Weight, random);
    }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => _layers.Forward(x);
}
