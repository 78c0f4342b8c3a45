using Evenkeel.Data;

namespace Evenkeel.Examination;

/// <summary>The samples with which a network is examined.</summary>
/// <remarks>
/// Best are samples of the training set, prepared as they were in training: then nothing can be overfitting. At most
/// <see cref="Limit"/> of them are taken, drawn from the whole set.
/// </remarks>
/// <param name="Samples">The samples, with or without labels.</param>
public sealed record DoctorData(IDataset Samples)
{
    /// <summary>
    /// Whether the targets of <see cref="Samples"/> (and of <see cref="Other"/>) are right answers: class labels, or
    /// numbers of the shape of the outputs. False for samples with labels that mean nothing. Default: true.
    /// </summary>
    public bool IsLabelled { get; init; } = true;

    /// <summary>
    /// A second set, for example pictures of another camera: the network is to work on it too. Null compares nothing.
    /// Default: null.
    /// </summary>
    public IDataset? Other { get; init; }

    /// <summary>
    /// Whether eps is known to be that of the training. False if tensors of another program, which say nothing of eps,
    /// were loaded into a network of this one. Default: true.
    /// </summary>
    public bool IsEpsCertain { get; init; } = true;

    /// <summary>
    /// Samples computed at a time, which limits the memory; fewer if they are large, so that a batch has some four
    /// million values at most. Default: 256.
    /// </summary>
    public int BatchSize { get; init; } = 256;

    /// <summary>The most samples that are taken of a set. Default: 1,024.</summary>
    public int Limit { get; init; } = 1024;
}

/// <summary>The progress of an examination. It is a value, so a report allocates no memory.</summary>
/// <param name="Pass">What the network is run for, for example <c>outputs in use</c>.</param>
/// <param name="Samples">Samples of this pass that are done.</param>
/// <param name="TotalSamples">Samples of this pass.</param>
public readonly record struct DoctorProgress(string Pass, int Samples, int TotalSamples);
