using Evenkeel.Lab.Experiments;

namespace Evenkeel.Lab.Reports;

/// <summary>One progress made of several runs side by side: the share that is done is the mean of theirs.</summary>
internal sealed class SharedProgress(IProgressSink sink, int parts)
{
    private readonly double[] _done = new double[parts];
    private readonly Lock _lock = new();

    /// <summary>The progress of one of the runs; only its end is a milestone of the whole.</summary>
    public IProgressSink Part(int index, string name) => new One(this, index, name);

    private void Report(int index, double done, string state)
    {
        lock (_lock)
        {
            _done[index] = done;
            double all = 0;
            foreach (double part in _done) all += part;
            sink.Report(all / parts, state, milestone: false);
        }
    }

    private sealed class One(SharedProgress owner, int index, string name) : IProgressSink
    {
        public void Report(double done, string state, bool milestone) => owner.Report(index, done, $"{name}, {state}");
    }
}
