using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Running;

namespace Evenkeel.Tests.Lab;

/// <summary>Progress that nobody looks at.</summary>
internal sealed class Silence : IProgressSink, IRunDisplay
{
    public void Report(double done, string state, bool milestone)
    {
    }

    public T Show<T>(Agenda agenda, Func<IProgressSink, T> work) => work(this);
}
