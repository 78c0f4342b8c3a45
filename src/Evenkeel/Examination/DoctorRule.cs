namespace Evenkeel.Examination;

/// <summary>One rule of the doctor: what is measured, and from which bound on it is a finding.</summary>
/// <remarks>
/// The kinds of rules differ in what they look at: <see cref="FileRule"/> at a network's weights and statistics alone.
/// A rule of your own derives from one of them and goes into <see cref="DoctorOptions.Rules"/>.
/// </remarks>
public abstract class DoctorRule
{
    /// <summary>The id, for example <c>EK107</c>: it stays the same in all versions.</summary>
    public abstract string Id { get; }

    /// <summary>What is wrong, in a few words, for example <c>collapsed filter</c>.</summary>
    public abstract string Title { get; }

    /// <summary>
    /// The bound from which on something is a finding, in the rule's own unit. NaN if the rule is exact and has none.
    /// <see cref="DoctorOptions.Bounds"/> replaces it.
    /// </summary>
    public virtual double Bound => double.NaN;
}
