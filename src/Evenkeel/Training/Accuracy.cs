using System.Numerics;
using Evenkeel.Data;
using Evenkeel.Nn;

namespace Evenkeel.Training;

/// <summary>Counts correct answers in Eval, in chunks. The tape is kept between checks.</summary>
internal sealed class Accuracy(Module model, DType dtype, int chunk)
{
    private readonly Tape _tape = new(Mode.Eval);
    private int[] _indices = [];
    private readonly long[] _labels = new long[chunk];

    /// <summary>Room for indices of a check; the caller fills it.</summary>
    public Span<int> Indices(int count)
    {
        if (_indices.Length < count) _indices = new int[count];
        return _indices.AsSpan(0, count);
    }

    /// <summary>
    /// The share of the samples whose highest score is that of their label. Among equal scores the first counts. A NaN
    /// counts as the highest, as in NumPy's argmax.
    /// </summary>
    public double Measure(IDataset data, ReadOnlySpan<int> indices, CancellationToken cancellationToken)
    {
        long right = 0;
        for (int start = 0; start < indices.Length; start += chunk)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ReadOnlySpan<int> part = indices.Slice(start, Math.Min(chunk, indices.Length - start));
            _tape.Reset();
            Tensor batch = _tape.NewTensor(Trainer.BatchShape(data, part.Length), dtype);
            data.CopyTo(part, batch);
            data.CopyLabelsTo(part, _labels);
            Tensor scores = model.Forward(batch);
            if (scores.Shape.Rank != 2 || scores.Shape[0] != part.Length)
            {
                throw new ArgumentException($"Accuracy: expected a model that gives scores of shape ({part.Length}, "
                    + $"classes), got {scores.Shape}. End it with a Linear layer to the number of classes.",
                    nameof(data));
            }

            CheckLabels(part, scores.Shape[1]);
            right += scores.DType == DType.Float64
                ? CountRight<double>(scores, _labels)
                : CountRight<float>(scores, _labels);
        }

        return (double)right / indices.Length;
    }

    /// <summary>
    /// A prediction of one number would be correct for every label 0, and a label beyond the scores would never be.
    /// Neither gives an accuracy, so both are errors.
    /// </summary>
    private void CheckLabels(ReadOnlySpan<int> samples, int classes)
    {
        if (classes < 2)
        {
            throw new ArgumentException($"Accuracy: expected a model with scores for two classes or more, "
                + $"got {classes} value per sample. The accuracy of a regression says nothing; judge it by its loss.",
                nameof(classes));
        }

        for (int i = 0; i < samples.Length; i++)
        {
            if (_labels[i] < 0 || _labels[i] >= classes)
            {
                throw new ArgumentException($"Accuracy: expected class labels from 0 to "
                    + $"{classes - 1} for a model of {classes} scores, got {_labels[i]} for sample {samples[i]}. "
                    + $"Give the model a score per class, or check what the labels are.", nameof(samples));
            }
        }
    }

    private static int CountRight<T>(Tensor scores, ReadOnlySpan<long> labels)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        int right = 0, classes = scores.Shape[1];
        ReadOnlySpan<T> all = scores.AsSpan<T>();
        for (int row = 0; row < scores.Shape[0]; row++)
        {
            ReadOnlySpan<T> values = all.Slice(row * classes, classes);
            int best = 0;
            for (int j = 1; j < classes && !T.IsNaN(values[best]); j++)
            {
                if (values[j] > values[best] || T.IsNaN(values[j])) best = j;
            }

            if (best == labels[row]) right++;
        }

        return right;
    }
}
