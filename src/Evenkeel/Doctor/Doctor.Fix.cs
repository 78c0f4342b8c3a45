using Evenkeel.Nn;
using Evenkeel.Surgery;

namespace Evenkeel.Examination;

public static partial class Doctor
{
    /// <summary>
    /// Does what is safe without a person, in this order: running statistics become those of the samples if they have
    /// drifted, channels that are constant go, biases before batch norms go, and norms are folded if that is asked for.
    /// </summary>
    /// <remarks>
    /// A repair is kept if the outputs stay equal up to rounding or, where outputs are to change, if the score over
    /// labelled samples does not get lower by more than two standard errors. Otherwise it is left out, and its step
    /// says why.
    /// </remarks>
    /// <param name="model">The network, of one input. It stays as it is.</param>
    /// <param name="data">The samples.</param>
    /// <param name="repairs">The repairs. Null takes the defaults.</param>
    /// <param name="progress">Receives a report after each batch.</param>
    /// <param name="cancellationToken">Ends it between two batches.</param>
    /// <exception cref="ArgumentException">The data do not fit the network: said before anything else runs.</exception>
    /// <exception cref="InvalidOperationException">The network has a field that cannot be copied.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static DoctorRepair Fix(
        Module model, DoctorData data, RepairOptions? repairs = null, IProgress<DoctorProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        repairs ??= new RepairOptions();
        var run = new RepairRun(model.Clone(), data, progress, cancellationToken);
        if (repairs.Recalibrate) run.Recalibrate();
        if (repairs.Prune) run.Prune();
        if (repairs.RemoveBiases) run.RemoveBiases();
        if (repairs.Fold) run.Fold();
        return new DoctorRepair(run.Model, run.Steps);
    }

    /// <summary>The repairs of one network.</summary>
    private sealed class RepairRun(
        Module model, DoctorData data, IProgress<DoctorProgress>? progress, CancellationToken cancellation)
    {
        private readonly List<RepairStep> _steps = [];
        private DataExamination _examination = New(model, data, progress, cancellation);

        public Module Model => _examination.Model;

        public IReadOnlyList<RepairStep> Steps => _steps;

        public void Recalibrate()
        {
            const string name = "recalibrate";
            double bound = new StatisticsDrift().Bound;
            if (!_examination.HasRunningNorms)
            {
                Leave(name, DataExamination.NoRunningNorms);
                return;
            }

            if (_examination.Cause is { } cause)
            {
                Leave(name, $"{cause} comes first: the statistics would be those of the fault");
                return;
            }

            if (!_examination.HasGap
                && !_examination.Norms.Any(norm => StatisticsDrift.Drift.Of(norm, bound).Level is not null))
            {
                Leave(name, "the running statistics are those of the data, within what the number of samples tells");
                return;
            }

            if (_examination.Recalibrated(data.Samples, _examination.Order, most: int.MaxValue) is not
                ({ } copy, var after))
            {
                Leave(name, "the statistics of these samples are not finite, or a norm gets one value per channel");
                return;
            }

            string scores = "";
            if (after is not null && _examination.Scores is { } before)
            {
                if (LossOf(before, after) is { } loss)
                {
                    Leave(name, loss);
                    return;
                }

                scores = $"; the {before.Name} goes from {before.Text} to {after.Text}";
            }

            Take(name, copy, $"running statistics of {Statistic.Of(_examination.Norms.Count, "norm")} over "
                + $"{Statistic.Of(_examination.Samples, "sample")}{scores}");
        }

        public void Prune() => Try("prune", () =>
        {
            PruneResult result = Model.Prune(_examination.InputsToProve(1024), options: null, cancellation);
            if (result.Removed == 0)
            {
                string[] kept = [.. from layer in result.Layers
                                    where layer.Reason is not null
                                    select $"{layer.Name}: {layer.Reason}"];
                return (null, kept.Length == 0 ? "every channel carries something" : string.Join("; ", kept.Take(3)));
            }

            double saved = 1 - ((double)result.OperationsAfter / result.OperationsBefore);
            return (result.Model, $"{Statistic.Of(result.Removed, "constant channel")} removed, which saves "
                + $"{Statistic.Share(saved)} of the multiplications; {result.Proof}");
        });

        public void RemoveBiases() => Try("biases", () =>
        {
            BiasResult result = Model.RemoveRedundantBiases(_examination.InputsToProve(64));
            return result.Layers.Count == 0
                ? (null, "no bias stands before a batch norm")
                : (result.Model, $"{string.Join(", ", result.Layers)}; {result.Proof}");
        });

        public void Fold() => Try("fold", () =>
        {
            FoldResult result = Model.Fold(_examination.InputsToProve(64));
            int folded = result.Layers.Count(static layer => layer.Status != FoldStatus.Kept);
            return folded == 0
                ? (null, "no norm can be folded")
                : (result.Model, $"{folded} of {Statistic.Of(result.Layers.Count, "norm")} folded; {result.Proof}");
        });

        private void Try(string name, Func<(Module? Changed, string Message)> repair)
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                (Module? changed, string message) = repair();
                if (changed is null) Leave(name, message);
                else if (LosesScore(changed) is { } loss) Leave(name, loss);
                else Take(name, changed, message);
            }
            catch (InvalidOperationException refused)
            {
                Leave(name, refused.Message);
            }
        }

        /// <summary>What is lost by a change; null if nothing is.</summary>
        private string? LosesScore(Module changed)
        {
            if (!_examination.CanCompareScores) return null;
            SampleScores before = _examination.Scores!, after = _examination.Passes.Scores("repaired", PassKind.Use,
                data.Samples, _examination.Order, _examination.BatchSize, network: changed);
            return LossOf(before, after);
        }

        private static string? LossOf(SampleScores before, SampleScores after) => after.IsLowerThan(before)
            ? $"the {before.Name} would go from {before.Text} to {after.Text}"
            : null;

        private void Take(string name, Module changed, string message)
        {
            _steps.Add(new RepairStep(name, IsDone: true, message));
            _examination = New(changed, data, progress, cancellation);
        }

        private void Leave(string name, string why) => _steps.Add(new RepairStep(name, IsDone: false, why));

        private static DataExamination New(
            Module model, DoctorData data, IProgress<DoctorProgress>? progress, CancellationToken cancellation) =>
            new(model, ExaminedNetwork.Of(model), data, new DoctorOptions(), progress, cancellation);
    }
}
