using System.Globalization;
using Evenkeel.Lab.Experiments;

namespace Evenkeel.Lab.Claims;

/// <summary>One sentence of an answer, and what was measured for it.</summary>
/// <param name="Statement">What the answer says.</param>
/// <param name="Effect">What is measured for each seed.</param>
/// <param name="Bound">Where it must lie for the sentence to be true.</param>
/// <param name="Values">The effect, one value per seed.</param>
internal sealed record Point(string Statement, string Effect, Bound Bound, IReadOnlyList<double> Values);

/// <summary>A point with its interval and verdict.</summary>
internal sealed record JudgedPoint(Point Point, Interval Interval, Verdict Verdict);

/// <summary>
/// A question that the notebook asks its reader, answered by what was measured; one file each, found by <see
/// cref="QuestionCatalog"/>.
/// </summary>
internal abstract class Question
{
    /// <summary>Number of the question in the notebook.</summary>
    public abstract int Number { get; }

    /// <summary>Item of the lesson.</summary>
    public abstract string Lesson { get; }

    /// <summary>What is asked, in our words.</summary>
    public abstract string Text { get; }

    /// <summary>What the notebook's own answer says, in our words.</summary>
    public abstract string LessonAnswer { get; }

    /// <summary>Experiments whose figures the points are made of.</summary>
    public abstract IReadOnlyList<string> Experiments { get; }

    /// <summary>Claims that say more.</summary>
    public abstract IReadOnlyList<string> Claims { get; }

    /// <summary>The sentences of the answer.</summary>
    protected abstract IEnumerable<Point> Measure(Evidence evidence);

    /// <summary>The answer; empty where an experiment has no results.</summary>
    /// <exception cref="LabException">The results lack a figure: they are of another version.</exception>
    public IReadOnlyList<JudgedPoint> Answer(Evidence evidence)
    {
        if (Experiments.Any(name => !evidence.Has(name))) return [];
        try
        {
            return
            [
                .. Measure(evidence).Select(static point =>
                {
                    Interval interval = Interval.OfMean(point.Values);
                    return new JudgedPoint(point, interval, point.Bound.Judge(interval));
                }),
            ];
        }
        catch (KeyNotFoundException e)
        {
            throw Evidence.Lacks(string.Create(CultureInfo.InvariantCulture, $"question {Number}"), Experiments, e);
        }
    }
}
