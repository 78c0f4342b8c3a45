using Evenkeel.Data;
using Evenkeel.Nn;

namespace Evenkeel.Surgery;

/// <summary>The order in which layers get the statistics of the data.</summary>
public enum RecalibrationOrder
{
    /// <summary>
    /// One pass over the data for each layer: the layers before it already use their new statistics, as they will in
    /// use. The result is that of one training pass with all data as a single batch.
    /// </summary>
    LayerByLayer,

    /// <summary>
    /// One pass for all layers, in <see cref="Mode.Train"/>: each layer normalizes by its batch's own statistics, as it
    /// did when the weights were learned. The first layer's result is exact; later ones see inputs that depend a little
    /// on how the data are cut into batches, and that dropout takes part in.
    /// </summary>
    AllAtOnce,
}

/// <summary>How running statistics are recalibrated.</summary>
public sealed record RecalibrationOptions
{
    /// <summary>One pass per layer, or one for all. Default: LayerByLayer.</summary>
    public RecalibrationOrder Order { get; init; } = RecalibrationOrder.LayerByLayer;

    /// <summary>
    /// Number of samples computed at a time. Layer by layer, it only limits the memory. All at once, layers normalize
    /// by the statistics of this many samples. Default: 256.
    /// </summary>
    public int BatchSize { get; init; } = 256;

    /// <summary>
    /// Labelled data whose accuracy is measured before and after, for example the test set. Null measures none.
    /// Default: null.
    /// </summary>
    public IDataset? Check { get; init; }
}

/// <summary>The progress of a recalibration. It is a value, so a report allocates no memory.</summary>
/// <param name="Pass">The current pass over the data, from 1.</param>
/// <param name="Passes">Total number of passes.</param>
/// <param name="Samples">Samples of this pass that are done.</param>
/// <param name="TotalSamples">Samples of a pass.</param>
public readonly record struct RecalibrationProgress(int Pass, int Passes, int Samples, int TotalSamples);

/// <summary>
/// Replaces moving averages by what they approximate: the exact mean and variance of a layer's inputs over a whole data
/// set.
/// </summary>
/// <remarks>
/// <para>A running mean remembers about 1/momentum batches, and the weights have changed since then. At a large
/// learning rate it lags behind the weights, and the network scores worse in Eval than it should. Weights, gamma and
/// beta stay as they are here; no step is taken.</para>
/// <para>Pooled over batches of n_i values with mean_i and variance_i: mean = Σ n_i·mean_i/Σ n_i, and the variance by
/// the pairwise formula of Chan, Golub and LeVeque, in double and in the order of the data. It is written as the
/// layer's own convention says (<see cref="RunningAverage.Estimator"/>). Averaging the batches' variances, as is often
/// done, would lose the spread of their means.</para>
/// <para><c>num_batches_tracked</c> becomes the number of batches pooled: a training that goes on with a cumulative
/// average counts them as seen. Other averages keep a larger count, by which the limits of <see cref="BatchRenorm2d"/>
/// open. A layer that runs twice in a pass pools the inputs of both. Instance norm pools as it tracks: the mean over
/// samples of their own variances. A mask given to <see cref="BatchNormalization"/> is not seen: all positions
/// count.</para>
/// <para>Source: Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021 (PreciseBN).</para>
/// </remarks>
public static class Recalibrator
{
    /// <summary>Gives every layer that keeps running statistics those of a whole data set.</summary>
    /// <param name="model">The network. Nothing else may use it meanwhile.</param>
    /// <param name="data">
    /// The samples, usually the training set as the network saw it; labels are not used. They are read in their order.
    /// All at once, this order should be random.
    /// </param>
    /// <param name="options">The settings. Null takes the defaults.</param>
    /// <param name="progress">Receives a report after each batch.</param>
    /// <param name="cancellationToken">Ends it between two batches.</param>
    /// <returns>
    /// For each layer how far the running statistics were from the data's; frozen layers are left alone and say so.
    /// </returns>
    /// <exception cref="ArgumentException">
    /// The data or the check have no samples, a layer has no more than one value per channel in them, or an input does
    /// not have the shape that a layer takes.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// A layer's inputs are not finite. After this error, a cancellation or any other failure the network is as it was.
    /// </exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static RecalibrationReport Recalibrate(
        this Module model, IDataset data, RecalibrationOptions? options = null,
        IProgress<RecalibrationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        options ??= new RecalibrationOptions();
        if (options.BatchSize < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), $"Recalibrate: expected batches of 1 or more samples, got {options.BatchSize}.");
        }

        if (data.Count == 0)
            throw new ArgumentException("Recalibrate: expected a data set with samples, got none.", nameof(data));
        if (options.Check is { Count: 0 })
        {
            throw new ArgumentException(
                $"Recalibrate: "
                + $"expected samples in {nameof(RecalibrationOptions)}.{nameof(RecalibrationOptions.Check)}, got none; "
                + $"there would be no accuracy. Pass a set with samples, or null.",
                nameof(options));
        }

        return new RecalibrationRun(model, data, options, progress, cancellationToken).Run();
    }

    /// <summary>Gives every layer that keeps running statistics those of all samples of a tensor.</summary>
    /// <param name="model">The network. Nothing else may use it meanwhile.</param>
    /// <param name="inputs">Samples along axis 0, outside any tape.</param>
    /// <param name="options">The settings. Null takes the defaults.</param>
    /// <param name="progress">Receives a report after each batch.</param>
    /// <param name="cancellationToken">Ends it between two batches.</param>
    /// <returns>
    /// For each layer how far the running statistics were from the data's; frozen layers are left alone and say so.
    /// </returns>
    /// <exception cref="ArgumentException">
    /// The inputs or the check have no samples, a layer has no more than one value per channel in them, or an input
    /// does not have the shape that a layer takes.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// A layer's inputs are not finite. After this error, a cancellation or any other failure the network is as it was.
    /// </exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static RecalibrationReport Recalibrate(
        this Module model, Tensor inputs, RecalibrationOptions? options = null,
        IProgress<RecalibrationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        return Recalibrate(
            model, new TensorDataset(inputs, Tensor.Zeros([inputs.Shape.Rank == 0 ? 0 : inputs.Shape[0]], DType.Int64)),
            options, progress, cancellationToken);
    }
}
