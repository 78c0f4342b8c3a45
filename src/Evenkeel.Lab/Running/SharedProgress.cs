using Evenkeel.Lab.Experiments;

namespace Evenkeel.Lab.Running;

/// <summary>One progress made of several runs, some of them side by side: the share that is done is the mean of theirs.</summary>
internal sealed class SharedProgress(IProgressSink sink, int parts)
{
    private readonly double[] _done = new double[parts];
    private readonly Lock _lock = new();

    /// <summary>The progress of one of the runs; its milestones are none of the whole.</summary>
    public IProgressSink Part(int index, string name) => new One(this, index, name);

    /// <summary>One of the runs is over: a milestone of the whole.</summary>
    public void Finish(int index, string name) => Report(index, 1, name, milestone: true);

    private void Report(int index, double done, string state, bool milestone)
    {
        lock (_lock)
        {
            _done[index] = done;
            double all = 0;
            foreach (double part in _done) all += part;
            sink.Report(all / parts, state, milestone);
        }
    }

    private sealed class One(SharedProgress owner, int index, string name) : IProgressSink
    {
        public void Report(double done, string state, bool milestone) => owner.Report(index, done, $"{name}, {state}", milestone: false);
    }
}
