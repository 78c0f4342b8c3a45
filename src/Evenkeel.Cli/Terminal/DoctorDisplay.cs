using Evenkeel.Examination;

namespace Evenkeel.Cli.Terminal;

/// <summary>The passes of an examination on standard error, in one line that changes.</summary>
internal sealed class DoctorDisplay : IProgress<DoctorProgress>
{
    private readonly ChangingLine _line = new();

    public void Report(DoctorProgress value)
    {
        if (_line.IsDue(done: false))
            _line.Show($"{value.Pass}: {value.Samples:N0} of {value.TotalSamples:N0} samples");
    }

    /// <summary>Leaves the changing line.</summary>
    public void End() => _line.End();
}
