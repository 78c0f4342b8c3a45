using Evenkeel.Data;
using Evenkeel.Nn;

namespace Evenkeel.Examination;

// What is checked before anything runs, and seen on the way.
public sealed partial class DataExamination
{
    private readonly List<(string Name, string Type, double PerSample, BatchNorm Norm)> _batchNorms = [];

    /// <summary>
    /// The batch norms that take statistics in training, in order, and the values per channel of one sample there.
    /// </summary>
    internal IReadOnlyList<(string Name, string Type, double PerSample, BatchNorm Norm)> BatchNorms => _batchNorms;

    /// <summary>Refuses data that do not fit the network: two samples go through it.</summary>
    private void CheckFit(Module model, DoctorData data)
    {
        if (model is TwoInputModule)
        {
            throw new ArgumentException(
                $"Doctor.Examine: expected a network of one input, got {model.TypeName}, which takes two. Examine it "
                + "without data, or a module that makes one input of both.", nameof(model));
        }

        if (data.BatchSize < 2 || data.Limit < 1)
        {
            throw new ArgumentException(
                $"Doctor.Examine: expected {nameof(DoctorData)} with batches of 2 samples or more and a limit of 1 or "
                + $"more, got {data.BatchSize} and {data.Limit}.", nameof(data));
        }

        CheckFit(data.Samples, "samples");
        if (data.Other is { } other) CheckFit(other, "a second set");
    }

    private void CheckFit(IDataset set, string what)
    {
        if (set.Count == 0)
            throw new ArgumentException($"Doctor.Examine: expected {what} to examine with, got none.", nameof(set));
        int[] two = Passes.Draw(set, 2);
        var hooks = new List<IDisposable>();
        try
        {
            if (_batchNorms.Count == 0) hooks.AddRange(BatchNormHooks(two.Length));
            Tensor y = Passes.Outputs(PassKind.Use, Passes.Read(set, two));
            if (y.Shape.Rank == 0 || y.Shape[0] != two.Length)
            {
                throw new InvalidOperationException(
                    $"expected one row of outputs per sample, got shape {y.Shape} for {two.Length} samples.");
            }

            if (Data.IsLabelled) CheckTargets(set, two, y);
        }
        catch (Exception refused) when (refused is ArgumentException or InvalidOperationException)
        {
            throw new ArgumentException(
                $"Doctor.Examine: {Model.TypeName} does not take {what} of shape {set.SampleShape}: {refused.Message}",
                nameof(set), refused);
        }
        finally
        {
            foreach (IDisposable hook in hooks) hook.Dispose();
        }
    }

    private void CheckTargets(IDataset set, int[] two, Tensor y)
    {
        bool isClasses = set.TargetType == DType.Int64;
        if (isClasses && set.TargetShape.Rank == 0) CheckLabels(set, y);
        Passes.Score(new SampleScorer(isClasses, two.Length), set, two, y, 0);
    }

    private void CheckLabels(IDataset set, Tensor y)
    {
        int classes = y.Shape.Rank == 1 || y.Shape[1] == 1 ? 2 : y.Shape[1];
        int[] samples = Passes.Draw(set);
        long[] labels = set.LabelsOf(samples);
        for (int i = 0; i < labels.Length; i++)
        {
            if (labels[i] == IgnoredLabel || (labels[i] >= 0 && labels[i] < classes)) continue;
            throw new InvalidOperationException(
                $"expected labels from 0 to {classes - 1} for outputs of shape {y.Shape}, got {labels[i]} for sample "
                + $"{samples[i]}. Pass {nameof(DoctorData.IsLabelled)} = false if they are no right answers.");
        }
    }

    private IEnumerable<IDisposable> BatchNormHooks(int samples)
    {
        foreach ((string name, Module module) in Model.NamedModules())
        {
            if (module is not BatchNorm norm || norm.Running is { IsFrozen: true }) continue;
            yield return module.AddForwardHook((_, x, _) => _batchNorms.Add(
                (name, module.TypeName, (double)x.Count / (samples * (double)norm.NumFeatures), norm)));
        }
    }
}
