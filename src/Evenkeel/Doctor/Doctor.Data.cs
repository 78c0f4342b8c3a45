using Evenkeel.Nn;

namespace Evenkeel.Examination;

public static partial class Doctor
{
    /// <summary>
    /// Checks all rules of a network: those that need weights and statistics alone, and those that run it on samples.
    /// </summary>
    /// <remarks>
    /// Passes over the samples are shared by all rules; a repair is tried on a copy, and only where something was
    /// found. The network is left as it is, but nothing else may use it meanwhile.
    /// </remarks>
    /// <param name="model">The network, of one input.</param>
    /// <param name="data">The samples.</param>
    /// <param name="options">The settings. Null takes the defaults.</param>
    /// <param name="progress">Receives a report after each batch.</param>
    /// <param name="cancellationToken">Ends it between two batches.</param>
    /// <exception cref="ArgumentException">
    /// The data have no samples, the network does not take them, or the targets do not fit its outputs: said before
    /// anything else runs.
    /// </exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static Diagnosis Examine(
        Module model, DoctorData data, DoctorOptions? options = null, IProgress<DoctorProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        options ??= new DoctorOptions();
        var examination = new DataExamination(
            model, ExaminedNetwork.Of(model), data, options, progress, cancellationToken);
        Diagnosis diagnosis = Run(examination.Network, model.TypeName, options, (rule, sink) =>
        {
            if (rule is not DataRule needsData) return false;
            cancellationToken.ThrowIfCancellationRequested();
            needsData.Check(examination, sink);
            return true;
        });
        return diagnosis with
        {
            Drift = examination.Norms.DistinctBy(static norm => norm.Name, StringComparer.Ordinal)
                .ToDictionary(static norm => norm.Name, static norm => norm.MeanShift, StringComparer.Ordinal),
        };
    }
}
