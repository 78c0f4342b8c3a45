using Evenkeel.Lab.Experiments;

namespace Evenkeel.Lab.Running;

/// <summary>Shows the user how far a run is.</summary>
internal interface IRunDisplay
{
    /// <summary>Does one piece of work and shows its progress.</summary>
    /// <param name="name">The experiment.</param>
    /// <param name="agenda">The plan that the work belongs to; whoever calls has begun the piece and ends it.</param>
    /// <param name="work">Takes the sink that it reports to.</param>
    /// <returns>What the work returns.</returns>
    T Show<T>(string name, Agenda agenda, Func<IProgressSink, T> work);
}
