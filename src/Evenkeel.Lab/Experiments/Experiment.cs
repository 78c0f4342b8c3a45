
namespace Evenkeel.Lab.Experiments;

/// <summary>
/// One experiment of a lesson; one file each. A new one needs no registration: <see cref="ExperimentCatalog"/> finds
/// every class derived from this.
/// </summary>
internal abstract class Experiment
{
    /// <summary>What the user types, and the name of the result file.</summary>
    public abstract string Name { get; }

    /// <summary>One line, at most 48 characters: what is looked at.</summary>
    public abstract string Title { get; }

    /// <summary>Letter of the lesson and item of its inventory: <c>N10</c>.</summary>
    public abstract string Lesson { get; }

    /// <summary>What is done and what it shows, in two or three sentences.</summary>
    public abstract string Description { get; }

    /// <summary>
    /// What is compared; figures and series are named <c>variant.figure</c> and <c>variant/quantity</c>.
    /// </summary>
    public virtual IReadOnlyList<string> Variants => [];

    /// <summary>Where it is explained.</summary>
    public virtual string Page => $"docs/lessons/n-notebook.md#{Name}";

    /// <summary>Seed of the lesson's own output.</summary>
    public virtual long LessonSeed => 231;

    /// <summary>Epochs of the lesson and of a quick run; null if nothing is trained.</summary>
    public virtual (int Lesson, int Quick)? Epochs => null;

    /// <summary>Element type of the lesson's own output.</summary>
    public virtual DType LessonDType => DType.Float32;

    /// <summary>The only element type that makes sense, or null if the user may choose.</summary>
    public virtual DType? OnlyDType => null;

    /// <summary>The image set that is used; null if none is.</summary>
    public virtual LabSet? Images => null;

    /// <summary>Whether figures are times: then nothing else runs beside it.</summary>
    public virtual bool IsTimed => false;

    /// <summary>
    /// Seconds it takes on two cores, in full and quick, roughly: only the time left is reckoned from it.
    /// </summary>
    public virtual (double Lesson, double Quick) Cost => (1, 0.3);

    /// <summary>Runs it. Results depend on the context's settings and data only.</summary>
    public abstract ExperimentResult Run(ExperimentContext context);

    /// <summary>Runs it with another seed, for the claims: only its figures count.</summary>
    public ExperimentResult Replicate(ExperimentContext context) => (ForClaims ?? Run)(context);

    /// <summary>
    /// A shorter run that has the figures that claims read, measured as <see cref="Run"/> does; null if it takes the
    /// whole.
    /// </summary>
    protected virtual Func<ExperimentContext, ExperimentResult>? ForClaims => null;

    /// <summary>
    /// The charts of a result, which may come from a file: the lesson's own, or <see cref="Chart.ByQuantity"/>.
    /// </summary>
    public abstract IReadOnlyList<Chart> Charts(ExperimentResult result);

    /// <summary>
    /// What was measured, in at most 45 characters, from the figures of a result (which may come from a file).
    /// </summary>
    public abstract string Headline(IReadOnlyDictionary<string, double> figures);
}
