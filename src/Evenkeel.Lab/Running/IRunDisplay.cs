using Evenkeel.Lab.Experiments;

namespace Evenkeel.Lab.Running;

/// <summary>Shows the user how far a run is.</summary>
internal interface IRunDisplay
{
    /// <summary>Does some work and shows its progress.</summary>
    /// <param name="agenda">The plan that the work belongs to.</param>
    /// <param name="work">Takes the sink that it reports to.</param>
    /// <returns>What the work returns.</returns>
    T Show<T>(Agenda agenda, Func<IProgressSink, T> work);
}
