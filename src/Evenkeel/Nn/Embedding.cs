using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// A learned vector for each number: y[..., :] = W[x[...], :], with x of any shape, 64-bit integers, W (rows, size of a
/// vector). Source: torch.nn.Embedding.
/// </summary>
/// <remarks>
/// The gradient of W is dense. A tape takes the numbers with <c>tape.Input(numbers)</c>. <see
/// cref="Module.Initialize(Init, ulong)"/> draws W anew, from N(0, 1) with <see cref="Init.Default"/>, and sets the row
/// of the padding to 0.
/// </remarks>
public sealed class Embedding : Module, IInitializable
{
    /// <summary>Creates the layer with PyTorch's start values, N(0, 1), and 0 for the padding.</summary>
    /// <param name="numEmbeddings">Number of rows: inputs are from 0 to one less.</param>
    /// <param name="embeddingDim">Size of a vector.</param>
    /// <param name="paddingIdx">
    /// A row that is 0 at the start and gets no gradient; negative ones count from the end. Null is none.
    /// </param>
    /// <param name="random">
    /// The stream of the start values. Null: a stream of the layer's own, which depends on the order in which layers
    /// are made in the process.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1, or the padding is no row.</exception>
    public Embedding(int numEmbeddings, int embeddingDim, int? paddingIdx = null, IRandomStream? random = null)
    {
        if (numEmbeddings < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(numEmbeddings), $"Embedding: expected 1 or more rows, got {numEmbeddings}.");
        }

        if (embeddingDim < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(embeddingDim), $"Embedding: expected vectors of 1 or more values, got {embeddingDim}.");
        }

        NumEmbeddings = numEmbeddings;
        EmbeddingDim = embeddingDim;
        PaddingIdx = paddingIdx is { } index ? EmbeddingOp.Padding("Embedding", index, numEmbeddings) : null;
        Weight = Register("weight", Tensor.Zeros([numEmbeddings, embeddingDim]), ParameterRole.Weight);
        SetStartValues(Init.Default, random ?? DefaultStreams.Next());
    }

    /// <summary>Number of rows.</summary>
    public int NumEmbeddings { get; }

    /// <summary>Size of a vector.</summary>
    public int EmbeddingDim { get; }

    /// <summary>The row of the padding, counted from the front; null if there is none.</summary>
    public int? PaddingIdx { get; }

    /// <summary>W, shape (rows, size of a vector).</summary>
    public Parameter Weight { get; }

    /// <inheritdoc/>
    public void SetStartValues(Init init, IRandomStream random)
    {
        ArgumentNullException.ThrowIfNull(init);
        (ReferenceEquals(init, Init.Default) ? Init.Normal() : init).Fill(Weight.Value, random);
        if (PaddingIdx is not { } padding) return;
        for (int i = 0; i < EmbeddingDim; i++) Weight.Value.SetValueAt((padding * EmbeddingDim) + i, 0);
    }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.Embedding(Weight, PaddingIdx);

    /// <inheritdoc/>
    public override string ToString() => $"Embedding({NumEmbeddings}, {EmbeddingDim}"
        + $"{(PaddingIdx is { } index ? $", padding_idx={index}" : "")})";
}
