using System.Text;

namespace Evenkeel.Training;

/// <summary>
/// How often samples of each class are predicted as each class: a table of counts, with a row per true class and a
/// column per predicted class (scikit-learn's order). Predictions and targets are those of <see cref="Accuracy"/>.
/// </summary>
public sealed class ConfusionMatrix : Metric
{
    private readonly ClassReader _classes;
    private long[] _counts = [];

    /// <summary>Makes the metric.</summary>
    /// <param name="classNames">A name per class, for the table. Default: null, the classes' numbers.</param>
    /// <param name="ignoreIndex">Labels with this number do not count. Default: -100, as in the losses.</param>
    public ConfusionMatrix(IReadOnlyList<string>? classNames = null, long ignoreIndex = -100)
    {
        ClassNames = classNames is null ? null : [.. classNames];
        _classes = new ClassReader("ConfusionMatrix", ignoreIndex);
    }

    /// <summary><c>confusion-matrix</c>; the value is the accuracy.</summary>
    public override string Name => "confusion-matrix";

    /// <summary>The names of the classes; null if there are only numbers.</summary>
    public IReadOnlyList<string>? ClassNames { get; }

    /// <summary>Number of classes; 0 before the first batch.</summary>
    public int Classes => _classes.Classes;

    /// <summary>The number of samples of one class that are predicted as another, or as their own.</summary>
    /// <param name="actual">The true class.</param>
    /// <param name="predicted">The predicted class.</param>
    /// <exception cref="ArgumentOutOfRangeException">A class does not exist.</exception>
    public long this[int actual, int predicted] => _counts[(Check(actual) * Classes) + Check(predicted)];

    /// <summary>Number of samples of a class.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The class does not exist.</exception>
    public long Support(int actual)
    {
        long sum = 0;
        Check(actual);
        for (int c = 0; c < Classes; c++) sum += this[actual, c];
        return sum;
    }

    /// <summary>The share of the samples predicted as this class that are of it; NaN if none is predicted.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The class does not exist.</exception>
    public double Precision(int of) => Share(this[of, of], Predictions(of));

    /// <summary>The share of the samples of this class that are predicted as such; NaN if there is none.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The class does not exist.</exception>
    public double Recall(int of) => Share(this[of, of], Support(of));

    /// <summary>The harmonic mean of precision and recall; NaN if the class neither occurs nor is predicted.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The class does not exist.</exception>
    public double F1(int of) => Share(2 * this[of, of], Predictions(of) + Support(of));

    /// <inheritdoc/>
    public override void Reset()
    {
        _classes.Reset();
        Array.Clear(_counts);
    }

    /// <inheritdoc/>
    public override void Update(Tensor prediction, Tensor target)
    {
        _classes.Read(prediction, target);
        int classes = Classes;
        if (ClassNames is not null && ClassNames.Count != classes)
        {
            throw new ArgumentException($"ConfusionMatrix: expected scores of {ClassNames.Count} classes, as there are "
                + $"names, got {classes} in shape {prediction.Shape}. Give a name per class.", nameof(prediction));
        }

        if (_counts.Length != classes * classes) _counts = new long[classes * classes];
        ReadOnlySpan<int> predicted = _classes.Predicted, actual = _classes.Actual;
        for (int i = 0; i < actual.Length; i++)
        {
            if (actual[i] >= 0) _counts[(actual[i] * classes) + predicted[i]]++;
        }
    }

    /// <summary>The share on the diagonal, which is the accuracy; NaN if no sample is counted.</summary>
    public override double Compute()
    {
        long right = 0;
        for (int c = 0; c < Classes; c++) right += this[c, c];
        return Share(right, _counts.Sum());
    }

    /// <summary>
    /// The table: a row per true class with its counts, recall, precision and F1, and the accuracy below.
    /// </summary>
    public override string ToString()
    {
        if (Classes == 0) return "ConfusionMatrix: no batch yet";
        string[] names = [.. Enumerable.Range(0, Classes).Select(Title)];
        List<string[]> rows = [["true \\ predicted", .. names, "samples", "precision", "recall", "F1"]];
        for (int a = 0; a < Classes; a++)
        {
            rows.Add([names[a], .. Enumerable.Range(0, Classes).Select(p => Text(this[a, p])), Text(Support(a)),
                Text(Precision(a)), Text(Recall(a)), Text(F1(a))]);
        }

        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length))];
        var text = new StringBuilder();
        foreach (string[] row in rows)
        {
            text.Append(row[0].PadRight(widths[0]));
            for (int i = 1; i < row.Length; i++) text.Append("  ").Append(row[i].PadLeft(widths[i]));
            text.Append('\n');
        }

        return text.Append($"accuracy {Text(Compute())} of {Text(_counts.Sum())} samples").ToString();
    }

    private string Title(int c) => ClassNames?[c] ?? Text(c);

    private static string Text(long count) => $"{count}";

    private static string Text(double share) =>
        double.IsNaN(share) ? "-" : $"{share:0.000}";

    private static double Share(long part, long whole) => whole == 0 ? double.NaN : (double)part / whole;

    private long Predictions(int predicted)
    {
        long sum = 0;
        Check(predicted);
        for (int c = 0; c < Classes; c++) sum += this[c, predicted];
        return sum;
    }

    private int Check(int c) => (uint)c < (uint)Classes
        ? c
        : throw new ArgumentOutOfRangeException(nameof(c),
            $"ConfusionMatrix: expected a class from 0 to {Classes - 1}, got {c}. Before the first batch there is "
            + $"none.");
}
