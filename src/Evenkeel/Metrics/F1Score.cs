namespace Evenkeel.Training;

/// <summary>
/// The harmonic mean of precision and recall of a class: 2·H/(P + S).
/// </summary>
/// <param name="average">How the classes are averaged. Default: Macro.</param>
/// <param name="ofClass">
/// The class that is scored alone: 1 is what scikit-learn reports of two classes. Default: null, the average.
/// </param>
/// <param name="zeroDivision">
/// The value of 0 by 0: 0, 1, or NaN to leave such classes out of the average. Default: 0.
/// </param>
/// <param name="ignoreIndex">Labels with this number do not count. Default: -100, as in the losses.</param>
public sealed class F1Score(
    ClassAverage average = ClassAverage.Macro, int? ofClass = null, double zeroDivision = 0, long ignoreIndex = -100)
    : ClassScore(average, ofClass, zeroDivision, ignoreIndex)
{
    private protected override string BaseName => "f1";

    private protected override (long Numerator, long Denominator) Ratio(long hits, long predicted, long actual) =>
        (2 * hits, predicted + actual);
}
