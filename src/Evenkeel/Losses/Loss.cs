using Evenkeel.Kernels;
using Evenkeel.Training;

namespace Evenkeel.Losses;

/// <summary>
/// A function of a prediction and its target, with one value that training makes small. The op of the same name has the
/// mathematics.
/// </summary>
public abstract class Loss
{
    /// <summary>
    /// What targets fit. <see cref="CheckTarget"/> and a trainer go by it. Default: <see cref="TargetKind.Any"/>.
    /// </summary>
    public virtual TargetKind Targets => TargetKind.Any;

    /// <summary>How errors call this loss.</summary>
    private protected virtual string Title => GetType().Name;

    /// <summary>
    /// A loss of your own from a function of prediction and target that gives a scalar, for example
    /// <c>Loss.Of("log-cosh", (y, t) =&gt; ((y - t).Exp() + (t - y).Exp()).Log().Mean())</c>.
    /// </summary>
    /// <param name="name">The name in errors and reports.</param>
    /// <param name="forward">The loss of a batch: a tensor of one element, computed from the prediction.</param>
    /// <param name="targets">What targets fit. Default: anything.</param>
    /// <param name="metrics">
    /// Makes the metrics that judge a model if nothing else is said. Default: null, none.
    /// </param>
    /// <exception cref="ArgumentException">The name is empty.</exception>
    public static Loss Of(
        string name, Func<Tensor, Tensor, Tensor> forward, TargetKind targets = TargetKind.Any,
        Func<IReadOnlyList<Metric>>? metrics = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(forward);
        return new FunctionLoss(name, forward, targets, metrics);
    }

    /// <summary>The loss of a batch: a scalar on the prediction's tape.</summary>
    /// <param name="prediction">The output of the model, with samples along axis 0.</param>
    /// <param name="target">The desired output; its shape and type depend on the loss.</param>
    public abstract Tensor Forward(Tensor prediction, Tensor target);

    /// <summary>
    /// The metrics that judge a model of this loss if nothing else is said: new ones at each call, the first of which
    /// is the most important. Default: none.
    /// </summary>
    public virtual IReadOnlyList<Metric> DefaultMetrics() => [];

    /// <summary>
    /// Throws if shape or type of the target do not fit, by <see cref="Targets"/>. The losses of the library do it in
    /// <see cref="Forward"/>.
    /// </summary>
    /// <param name="prediction">The output of the model.</param>
    /// <param name="target">The target.</param>
    /// <exception cref="ArgumentException">The target does not fit.</exception>
    public void CheckTarget(Tensor prediction, Tensor target)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        ArgumentNullException.ThrowIfNull(target);
        bool takesNumbers = Targets is TargetKind.Numbers or TargetKind.ClassLabelsOrNumbers,
            takesLabels = Targets is TargetKind.ClassLabels or TargetKind.ClassLabelsOrNumbers;
        if (!takesNumbers && !takesLabels) return;
        if (takesLabels && !takesNumbers && prediction.Shape.Rank < 2)
        {
            throw new ArgumentException($"{Title}: expected a prediction with a score per class, of shape (N, "
                + $"classes), got {prediction.Shape}. End the model with a Linear layer to the number of classes.",
                nameof(prediction));
        }

        bool isLabels = target.DType == DType.Int64;
        if (isLabels && takesLabels && prediction.Shape.Rank >= 2)
        {
            Shape labels = ClassLabels.ShapeFor(Title, prediction);
            if (target.Shape == labels) return;
            throw new ArgumentException($"{Title}: expected class labels of shape {labels} for a prediction of shape "
                + $"{prediction.Shape}, got {target.Shape}. Reshape them, or put the classes along axis 1.",
                nameof(target));
        }

        if (!isLabels && takesNumbers && target.Shape == prediction.Shape && target.DType == prediction.DType) return;
        string expected =
            takesLabels ? $"class labels (Int64), one per sample of a prediction of {prediction.Shape}" : "";
        if (takesNumbers)
        {
            expected += $"{(takesLabels ? ", or " : "")}numbers ({prediction.DType}) of shape {prediction.Shape} as "
                + $"the prediction";
        }

        string advice = isLabels
            ? "Class labels go with CrossEntropyLoss; numbers are made of them by To(DType.Float32) and Reshape"
            : !takesNumbers
            ? "Numbers go with MSELoss, L1Loss or HuberLoss; class labels are made by Tensor.Labels(...)"
            : target.Shape == prediction.Shape ? "Convert the targets with To(DType)"
            : "Reshape the targets, or change the number of outputs; losses do not broadcast";
        throw new ArgumentException(
            $"{Title}: expected {expected}, got {target.DType} of shape {target.Shape}. {advice}.", nameof(target));
    }

    /// <summary>
    /// Throws if a given target is not a finite number from low to high. A target that is computed in the pass is not
    /// looked at: it may be NaN because training diverges.
    /// </summary>
    private protected void CheckValues(Tensor target, double low, double high)
    {
        if (target.RequiresGradient) return;
        int index = target.DType == DType.Float64
            ? FirstOutside<double>(target, low, high)
            : FirstOutside<float>(target, low, high);
        if (index < 0) return;
        string range = high < double.MaxValue ? $" from {low} to {high}"
            : low > double.MinValue ? $" from {low} on" : "";
        throw new ArgumentException($"{Title}: expected finite targets{range}, got {target.ValueAt(index)} for sample "
            + $"{ClassLabels.Place(target.Shape, index)} of the batch. Remove the sample or correct the value.",
            nameof(target));
    }

    /// <summary>
    /// Returns the loss, unless it is not finite because a given target is not: then it throws. Such a target always
    /// makes the loss of a difference infinite or NaN, so finite losses need no look at the targets.
    /// </summary>
    private protected Tensor Explained(Tensor loss, Tensor target)
    {
        if (!double.IsFinite(loss.Item())) CheckValues(target, double.MinValue, double.MaxValue);
        return loss;
    }

    private static unsafe int FirstOutside<T>(Tensor target, double low, double high)
        where T : unmanaged, System.Numerics.IFloatingPointIeee754<T>
    {
        double largest = ValueRange.Largest<T>();
        fixed (T* values = target.AsSpan<T>())
        {
            return ValueRange.FirstOutside(values, target.Count, 0,
                T.CreateTruncating(Math.Max(low, -largest)), T.CreateTruncating(Math.Min(high, largest)));
        }
    }

    private sealed class FunctionLoss(
        string name, Func<Tensor, Tensor, Tensor> forward, TargetKind targets, Func<IReadOnlyList<Metric>>? metrics)
        : Loss
    {
        public override TargetKind Targets => targets;

        private protected override string Title => name;

        public override Tensor Forward(Tensor prediction, Tensor target)
        {
            CheckTarget(prediction, target);
            Tensor loss = forward(prediction, target);
            return loss.Count == 1
                ? loss
                : throw new InvalidOperationException($"{name}: expected a loss of one element, got shape "
                    + $"{loss.Shape}. Reduce it with Mean().");
        }

        public override IReadOnlyList<Metric> DefaultMetrics() => metrics?.Invoke() ?? [];

        public override string ToString() => $"Loss.Of({name})";
    }
}
