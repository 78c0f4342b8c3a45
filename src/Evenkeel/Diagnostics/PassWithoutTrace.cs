using Evenkeel.Nn;

namespace Evenkeel.Diagnostics;

/// <summary>
/// Lets a network run in Train for an inspection, and restores what the pass changes outside its tape: running
/// statistics, their counts, and which parameters want gradients.
/// </summary>
internal sealed class PassWithoutTrace : IDisposable
{
    private readonly List<(RunningStatistics Running, long Skipped)> _statistics = [];
    private readonly List<Parameter> _frozen = [];
    private readonly Tape _tape;

    /// <summary>Saves the network's state. No parameter gets a gradient until disposal.</summary>
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
        // A batch of an inspection does not count.
        foreach ((RunningStatistics running, long skipped) in _statistics) running.SkippedBatches = skipped;
    }
}
