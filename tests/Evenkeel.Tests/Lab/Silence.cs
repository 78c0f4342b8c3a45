using Evenkeel.Lab.Experiments;

namespace Evenkeel.Tests.Lab;

/// <summary>Progress that nobody looks at.</summary>
internal sealed class Silence : IProgressSink
{
    public void Report(double done, string state, bool milestone)
    {
    }
}
