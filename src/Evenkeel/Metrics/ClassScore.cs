namespace Evenkeel.Training;

/// <summary>
/// The base of <see cref="Precision"/>, <see cref="Recall"/> and <see cref="F1Score"/>: a ratio per class of hits H
/// (samples of the class that are predicted as such), predictions P of the class and samples S of the class; over all
/// classes, or for one.
/// </summary>
/// <remarks>
/// Predictions and targets are those of <see cref="Accuracy"/>. The numbers are scikit-learn's: classes that neither
/// occur nor are predicted are left out of the averages, and a ratio of 0 by 0 is <see cref="ZeroDivision"/>.
/// </remarks>
public abstract class ClassScore : Metric
{
    private readonly ClassReader _classes;
    private long[] _hits = [], _predicted = [], _actual = [];
    private long _counted;

    private protected ClassScore(ClassAverage average, int? ofClass, double zeroDivision, long ignoreIndex)
    {
        string name = GetType().Name;
        if (!Enum.IsDefined(average))
        {
            throw new ArgumentOutOfRangeException(nameof(average),
                $"{name}: expected a known average, got {average}. Take Macro, Micro or Weighted.");
        }

        if (ofClass < 0)
        {
            throw new ArgumentOutOfRangeException(nameof(ofClass),
                $"{name}: expected a class from 0 on, or null for the average, got {ofClass}.");
        }

        if (zeroDivision is not (0 or 1) && !double.IsNaN(zeroDivision))
        {
            throw new ArgumentOutOfRangeException(nameof(zeroDivision),
                $"{name}: expected a zeroDivision of 0, 1 or NaN, got {zeroDivision}. NaN leaves such classes out.");
        }

        _classes = new ClassReader(name, ignoreIndex);
        Average = average;
        OfClass = ofClass;
        ZeroDivision = zeroDivision;
    }

    /// <summary>How the classes are averaged, if <see cref="OfClass"/> is null.</summary>
    public ClassAverage Average { get; }

    /// <summary>The class that is scored; null for the average.</summary>
    public int? OfClass { get; }

    /// <summary>The value of 0 by 0: 0, 1, or NaN to leave such classes out of the average.</summary>
    public double ZeroDivision { get; }

    /// <inheritdoc/>
    public sealed override string Name => (OfClass, Average) switch
    {
        ({ } c, _) => $"{BaseName}-class-{c}",
        (_, ClassAverage.Micro) => $"{BaseName}-micro",
        (_, ClassAverage.Weighted) => $"{BaseName}-weighted",
        _ => BaseName,
    };

    private protected abstract string BaseName { get; }

    /// <inheritdoc/>
    public sealed override void Reset()
    {
        _classes.Reset();
        _counted = 0;
        Array.Clear(_hits);
        Array.Clear(_predicted);
        Array.Clear(_actual);
    }

    /// <inheritdoc/>
    public sealed override void Update(Tensor prediction, Tensor target)
    {
        _classes.Read(prediction, target);
        int classes = _classes.Classes;
        if (OfClass >= classes)
        {
            throw new ArgumentException($"{GetType().Name}: expected scores of more than {OfClass} classes, because "
                + $"class {OfClass} is asked for, got shape {prediction.Shape}.", nameof(prediction));
        }

        if (_hits.Length != classes)
            (_hits, _predicted, _actual) = (new long[classes], new long[classes], new long[classes]);
        ReadOnlySpan<int> predicted = _classes.Predicted, actual = _classes.Actual;
        for (int i = 0; i < actual.Length; i++)
        {
            if (actual[i] < 0) continue;
            _counted++;
            _predicted[predicted[i]]++;
            _actual[actual[i]]++;
            if (predicted[i] == actual[i]) _hits[actual[i]]++;
        }
    }

    /// <summary>The score, from 0 to 1; NaN if no sample counts, or if every class is left out.</summary>
    public sealed override double Compute()
    {
        if (_counted == 0) return double.NaN;
        if (OfClass is { } c) return Score(_hits[c], _predicted[c], _actual[c]);

        // Each sample is predicted as one class and is of one.
        if (Average == ClassAverage.Micro) return Score(_hits.Sum(), _counted, _counted);
        double total = 0;
        long weights = 0;
        for (int k = 0; k < _hits.Length; k++)
        {
            double score = Score(_hits[k], _predicted[k], _actual[k]);
            if (_predicted[k] + _actual[k] == 0 || double.IsNaN(score)) continue;
            long weight = Average == ClassAverage.Weighted ? _actual[k] : 1;
            total += weight * score;
            weights += weight;
        }

        return weights == 0 ? double.NaN : total / weights;
    }

    /// <summary>The ratio's numerator and denominator from hits, predictions and samples of a class.</summary>
    private protected abstract (long Numerator, long Denominator) Ratio(long hits, long predicted, long actual);

    private double Score(long hits, long predicted, long actual)
    {
        (long numerator, long denominator) = Ratio(hits, predicted, actual);
        return denominator == 0 ? ZeroDivision : (double)numerator / denominator;
    }
}
