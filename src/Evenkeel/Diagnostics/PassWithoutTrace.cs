using Evenkeel.Nn;

namespace Evenkeel.Diagnostics;

/// <summary>Lets a network run in Train for a look at it, and puts back what the pass does outside its tape: running statistics, their counts, and which parameters want gradients.</summary>
internal sealed class PassWithoutTrace : IDisposable
{
    private readonly List<(RunningStatistics Running, long Skipped)> _statistics = [];
    private readonly List<Parameter> _frozen = [];
    private readonly Tape _tape;

    /// <summary>Remembers the network's state; until disposal no parameter gets a gradient.</summary>
    public PassWithoutTrace(Module model, Tape tape)
    {
        _tape = tape;
        foreach ((_, Module module) in model.NamedModules())
        {
            if (module is ITrackingNorm { Running: { } running }) _statistics.Add((running, running.SkippedBatches));
        }

        foreach (Parameter parameter in model.Parameters())
        {
            if (!parameter.RequiresGradient) continue;
            parameter.RequiresGradient = false;
            _frozen.Add(parameter);
        }
    }

    public void Dispose()
    {
        _tape.Reject();
        _tape.Reset();
        foreach (Parameter parameter in _frozen) parameter.RequiresGradient = true;
        // A batch that is only looked at does not count.
        foreach ((RunningStatistics running, long skipped) in _statistics) running.SkippedBatches = skipped;
    }
}
