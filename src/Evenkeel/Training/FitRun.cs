using System.Diagnostics;
using System.Runtime.ExceptionServices;
using Evenkeel.Data;
using Evenkeel.Optim;

namespace Evenkeel.Training;

public sealed partial class Trainer
{
    /// <summary>One call of Fit: the loop over epochs and steps, and what happens between them.</summary>
    private sealed class FitRun(
        Trainer trainer, DataLoader training, DataLoader? validation, IProgress<TrainProgress>? progress,
        CancellationToken cancellationToken)
    {
        private readonly TrainerOptions _options = trainer.Options;
        private readonly long _total = (long)trainer.Options.Epochs * training.Plan.Batches;
        private readonly IProcessGroup? _processes =
            trainer.Options.Processes is { Size: > 1 } processes ? processes : null;

        private ProcessAgreement? _agreement;
        private DataLoader? _trainingSamples;

        // All processes have agreed to end after this step, or all have found the same problem.
        private bool _isCancelledByAll;
        private bool _isKnownToAll;

        // Whether the processes share the optimizer's state, and need whole gradients all the same.
        private bool _isShared;
        private bool _needsWholeGradients = true;

        private History History => trainer.History;

        private Checkpoints? Checkpoints => trainer.IsWriter ? _options.Checkpoints : null;

        /// <summary>With other processes a cancellation waits until all know of it, at the end of a step.</summary>
        private CancellationToken OwnToken => _processes is null ? cancellationToken : CancellationToken.None;

        private bool IsOver => trainer._epoch >= _options.Epochs || History.StopReason is not null || History.Diverged;

        public History Run()
        {
            if (_processes is null) return RunAlone();
            try
            {
                return RunAlone();
            }
            catch (Exception failure) when (!_isKnownToAll && !_isCancelledByAll)
            {
                // The others do not know of it and would wait.
                _processes.Abort(
                    $"{_processes.NameOf(_processes.Rank)} has failed at step {trainer._iteration}: {failure.Message} "
                    + "All processes end; a checkpoint continues the run.");
                throw;
            }
        }

        private History RunAlone()
        {
            using IDisposable? folder = Checkpoints?.Open(trainer);
            bool isForeign = Begin();
            long begun = trainer._iteration;
            var end = FitEnd.Failed;
            ExceptionDispatchInfo? failure;
            try
            {
                CallEach(callback => callback.OnFitBegin(trainer));
                if (trainer._isEvaluationDue) EndEpoch();
                while (!IsOver) RunEpoch();
                SaveIfAny(Checkpoints?.IsDueAfterFit(trainer) == true);
                end = History.Diverged ? FitEnd.Diverged
                    : History.StopReason is not null ? FitEnd.Stopped : FitEnd.Completed;
            }
            catch (OperationCanceledException exception)
                when (_isCancelledByAll || cancellationToken.IsCancellationRequested
                    || training.IsCancellationRequested)
            {
                end = FitEnd.Cancelled;
                // A share of the state alone cannot be saved.
                bool canSave = trainer._iteration > 0 && (!_isShared || _isCancelledByAll);
                string? saved = canSave ? Save() : null;
                throw new OperationCanceledException(
                    $"Trainer: cancelled after {trainer._iteration} iterations; the model has its last weights."
                    + (saved is null ? "" : $" Resume(\"{saved}\") continues the run."),
                    exception,
                    exception.CancellationToken);
            }
            finally
            {
                if (_processes is not null) training.Share = null;
                End();
                failure = EndCallbacks(end);
            }

            failure?.Throw();
            bool isUntouched = isForeign && trainer._iteration == begun;
            if (_options.RestoreBestModel && !trainer._best.IsEmpty && !isUntouched) trainer.PutBest();
            return History.Copy();
        }

        /// <summary>
        /// Prepares the trainer. An earlier call may have restored the best model: training goes on from the last one.
        /// If the user has changed the weights since then, they stay, and the result is true.
        /// </summary>
        private bool Begin()
        {
            bool isForeign = trainer.Weights == ModelWeights.Best && !trainer._best.Matches(trainer.Model);
            if (isForeign) trainer._last.Clear();
            else if (trainer.Weights == ModelWeights.Best) trainer.PutLast();

            History.Divergence = null;
            History.StopReason = null;
            trainer.DropLossesFrom(trainer._iteration);
            trainer._plan = PlanText(training);
            trainer.StepsPerEpoch = training.Plan.Batches;
            _trainingSamples = trainer.TrainingSamples(training.Dataset);
            if (trainer._position is { } position) training.Position = position;
            // An evaluation or a callback before the next epoch sees the samples as they were in the one before.
            if (trainer._epoch > 0 && training.Position.Batch == 0 && training.Dataset is IEpochDataset dataset)
                dataset.Epoch = training.Position.Epoch - 1;
            if (_processes is not null) BeginTogether(_processes);
            if (trainer.Optimizer.IsShared && !_isShared)
            {
                throw new InvalidOperationException(
                    $"Trainer.Fit: expected an optimizer with its whole state, got {trainer.Optimizer.Name} of which "
                    + "another training has kept a share (TrainerOptions.ShardsOptimizerState). Make a new optimizer, "
                    + "and resume from a checkpoint.");
            }

            trainer._examination = _options.Doctor is not { } doctor ? null : new TrainingExamination(
                trainer, doctor, trainer._examined,
                finding => CallEach(callback => callback.OnFinding(trainer, finding)));
            trainer._step = new TrainingStep(
                trainer.Model, trainer.Loss, trainer.Optimizer, _options, trainer._examination, _needsWholeGradients);
            return isForeign;
        }

        /// <summary>Compares the processes, and takes the share of this one.</summary>
        private void BeginTogether(IProcessGroup processes)
        {
            processes.Step = trainer._iteration;
            training.Share = BatchShare.Of(_options.MicroBatches, processes.Rank, processes.Size);
            _agreement = new ProcessAgreement(processes, _options.CompareWeightsEvery);
            try
            {
                _agreement.CheckAlike(trainer, training, validation);
            }
            catch (InvalidOperationException)
            {
                _isKnownToAll = true;
                throw;
            }

            _isShared = _options.ShardsOptimizerState;
            if (!_isShared) return;
            trainer.Optimizer.KeepShare(new ElementShare(processes.Rank, processes.Size));
            // The doctor of one process reads the gradients of all.
            _needsWholeGradients = _agreement.AskAny(
                "whole gradients", _options.MaxGradientNorm is not null || _options.Doctor is not null);
        }

        private void End()
        {
            trainer._step?.Dispose();
            trainer._examination?.Dispose();
            History.TrainingSeconds = trainer._trainingTicks / (double)Stopwatch.Frequency;
            History.EvaluationSeconds = trainer._evaluationTicks / (double)Stopwatch.Frequency;
            History.ExamplesPerSecond = trainer.ExamplesPerSecond;
        }

        /// <summary>
        /// Tells every callback that the run is over, also if one of them throws. The first failure is returned: it
        /// must not replace an exception that ends the run.
        /// </summary>
        private ExceptionDispatchInfo? EndCallbacks(FitEnd end)
        {
            ExceptionDispatchInfo? first = null;
            foreach (Callback callback in _options.Callbacks)
            {
                try
                {
                    Call(callback, c => c.OnFitEnd(trainer, end));
                }
                catch (Exception exception)
                {
                    first ??= ExceptionDispatchInfo.Capture(exception);
                }
            }

            return first;
        }

        /// <summary>Runs the rest of the current epoch, and evaluates if it comes to its end.</summary>
        private void RunEpoch()
        {
            // A callback may have gone through the loader.
            if (trainer._position is { } position
                && (training.Position.Epoch, training.Position.Batch) != (position.Epoch, position.Batch))
                training.Position = position;
            LoaderPosition begun = training.Position;
            trainer._position = begun;
            int batch = begun.Batch;
            using IEnumerator<Batch> batches = training.Begin(setsEpoch: true, OwnToken);
            while (batch < training.Plan.Batches && !IsOver)
            {
                OwnToken.ThrowIfCancellationRequested();
                _processes?.Step = trainer._iteration + 1;
                long start = Stopwatch.GetTimestamp();
                batches.MoveNext();
                bool isTaken = Step(batches.Current, out bool changesWeights);
                trainer._trainingTicks += Stopwatch.GetTimestamp() - start;
                if (!isTaken) return;
                trainer._examples += batches.Current.CountOfAll;
                trainer._iteration++;
                bool endsEpoch = ++batch == training.Plan.Batches;
                // The step is done, whatever a callback does: the next call of Fit goes on behind it.
                trainer._position = endsEpoch
                    ? new LoaderPosition(begun.Epoch + 1, 0, training.Sampler.State)
                    : begun with { Batch = batch };
                if (endsEpoch) (trainer._epoch, trainer._isEvaluationDue) = (trainer._epoch + 1, true);
                Examine(changesWeights);
                if (_options is { Scheduler: { } scheduler, ScheduleBy: ScheduleBy.Iteration }) scheduler.Step();
                CallEach(callback => callback.OnStepEnd(trainer));
                if (endsEpoch)
                {
                    EndEpoch();
                    AgreeAfterStep();
                    return;
                }

                if (AgreeAfterStep(Checkpoints?.IsDueAfterStep(trainer) == true)) Save();
                if (trainer._iteration % _options.ReportEvery == 0) Report(isEpochEnd: false);
            }
        }

        private void Examine(bool changesWeights)
        {
            if (trainer._examination is null) return;
            long start = Stopwatch.GetTimestamp();
            trainer._examination.AfterStep(changesWeights);
            trainer._trainingTicks += Stopwatch.GetTimestamp() - start;
        }

        /// <summary>
        /// Compares the weights if it is time, and ends the run on all processes if one of them wants to.
        /// </summary>
        /// <param name="isSaved">Whether this process is about to write a checkpoint.</param>
        /// <returns>Whether one of them is.</returns>
        /// <exception cref="OperationCanceledException">Some process is cancelled.</exception>
        private bool AgreeAfterStep(bool isSaved = false)
        {
            if (_agreement is null) return isSaved;
            try
            {
                _agreement.AfterStep(trainer);
            }
            catch (InvalidOperationException)
            {
                _isKnownToAll = true;
                throw;
            }

            bool isCancelled = cancellationToken.IsCancellationRequested || training.IsCancellationRequested;
            (_isCancelledByAll, int stoppedBy, isSaved) =
                _agreement.Ask(isCancelled, History.StopReason is not null, isSaved);
            if (stoppedBy >= 0) History.StopReason ??= $"stopped by {_processes!.NameOf(stoppedBy)}";
            if (_isCancelledByAll) throw new OperationCanceledException("A process was cancelled.", cancellationToken);
            return isSaved;
        }

        /// <summary>Writes a checkpoint if the process that writes says so.</summary>
        private void SaveIfAny(bool isDue)
        {
            if (_isShared ? _agreement!.AskAny("checkpoint", isDue) : isDue) Save();
        }

        /// <summary>Writes a checkpoint, for which all processes send their shares of the state.</summary>
        /// <returns>Its path; null on a process that writes none.</returns>
        private string? Save()
        {
            if (_isShared) trainer._gatheredState = trainer.Optimizer.GatherState(_processes!);
            try
            {
                return Checkpoints?.Save(trainer);
            }
            finally
            {
                trainer._gatheredState = null;
            }
        }

        /// <summary>Returns false if the run ends because the loss or a gradient is not finite.</summary>
        private bool Step(Batch batch, out bool changesWeights)
        {
            StepResult result = trainer._step!.Run(batch, trainer._iteration);
            changesWeights = result.IsTaken;
            History.LossList.Add(result.Loss);
            if (result.IsTaken) return true;
            switch (_options.NonFiniteLoss)
            {
                case NonFiniteLoss.SkipBatch:
                    History.SkippedBatches++;
                    return true;
                case NonFiniteLoss.EndRun:
                    History.Divergence = result.Problem;
                    return false;
                default:
                    trainer.DropLossesFrom(trainer._iteration);
                    _isKnownToAll = true;
                    throw result.Problem!;
            }
        }

        /// <summary>
        /// Evaluates and records the epoch that has ended. A cancelled evaluation leaves no trace. It is repeated when
        /// the run continues.
        /// </summary>
        private void EndEpoch()
        {
            long start = Stopwatch.GetTimestamp();
            Scores? ofTraining = Measure(_trainingSamples), ofValidation = Measure(validation);
            var record = new EpochRecord(
                trainer._epoch, trainer._iteration, MeanLoss(), trainer.Optimizer.LearningRate, ofTraining,
                ofValidation);
            double score = History.Monitored(record);
            CheckScore(score, record);
            History.EpochList.Add(record);
            trainer._isEvaluationDue = false;
            if (trainer.IsBetter(score))
            {
                History.BestAt = History.EpochList.Count - 1;
                trainer._best.Take(trainer.Model);
            }

            trainer._evaluationTicks += Stopwatch.GetTimestamp() - start;
            StepSchedule(score);
            trainer._examination?.AfterEpoch(record);
            CallEach(callback => callback.OnEpochEnd(trainer, record));
            SaveIfAny(Checkpoints?.IsDueAfterEpoch(trainer) == true);
            Report(isEpochEnd: true);
        }

        private void StepSchedule(double score)
        {
            if (_options.ScheduleBy != ScheduleBy.Epoch) return;
            if (_options.Scheduler is ReduceLROnPlateau plateau) plateau.Step(score);
            else _options.Scheduler?.Step();
        }

        private Scores? Measure(DataLoader? data) =>
            data is null ? null : trainer._evaluator.Measure(data, OwnToken);

        private double MeanLoss()
        {
            double sum = 0;
            int count = 0;
            for (int i = Math.Max(0, History.LossList.Count - training.Plan.Batches); i < History.LossList.Count; i++)
            {
                if (!double.IsFinite(History.LossList[i])) continue;
                sum += History.LossList[i];
                count++;
            }

            return count == 0 ? double.NaN : sum / count;
        }

        private void CheckScore(double score, EpochRecord record)
        {
            if (!double.IsNaN(score) || History.Monitor == Scores.LossName || record.Epoch > 1) return;
            throw new InvalidOperationException(
                $"Trainer: expected a number as the monitored metric \"{History.Monitor}\", got NaN after the first "
                + "epoch. It is undefined for these data (for example, because they hold one class only). Monitor "
                + "another score, or check the data.");
        }

        private void CallEach(Action<Callback> act)
        {
            foreach (Callback callback in _options.Callbacks) Call(callback, act);
        }

        /// <summary>An exception of a callback says whose it is. The step before it is whole.</summary>
        private void Call(Callback callback, Action<Callback> act)
        {
            try
            {
                act(callback);
            }
            catch (Exception exception) when (exception is not (OperationCanceledException or IOException))
            {
                throw new InvalidOperationException(
                    $"Trainer: the callback {callback.Name} failed after iteration {trainer._iteration} (epoch "
                    + $"{trainer._epoch} done): {exception.Message} The step itself is complete; mend the callback "
                    + "and call Fit again to go on.", exception);
            }
        }

        private void Report(bool isEpochEnd) => progress?.Report(new TrainProgress(
            trainer._epoch,
            _options.Epochs,
            trainer._iteration,
            _total,
            History.LossList[^1],
            History.Last,
            trainer.ExamplesPerSecond,
            isEpochEnd,
            trainer.Note()));
    }

    private bool IsBetter(double score) =>
        !double.IsNaN(score)
        && (double.IsNaN(History.BestScore)
            || (HigherIsBetter ? score > History.BestScore : score < History.BestScore));

    /// <summary>The loss that ended a run belongs to a step that did not happen.</summary>
    private void DropLossesFrom(long iteration)
    {
        if (History.LossList.Count > iteration)
            History.LossList.RemoveRange((int)iteration, History.LossList.Count - (int)iteration);
    }

    /// <summary>
    /// Says what was skipped: whole steps, or only updates of running statistics if the loss stayed finite.
    /// </summary>
    private string? Note()
    {
        long updates = 0;
        foreach (RunningStatistics running in _statistics) updates += running.SkippedBatches;
        long skipped = History.SkippedBatches;
        if (skipped + updates == _noted) return _note;
        _noted = skipped + updates;
        string batches = $"{skipped} non-finite {(skipped == 1 ? "batch" : "batches")}",
            statistics = $"{updates} non-finite {(updates == 1 ? "update" : "updates")} of running statistics";
        _note = $"skipped {(skipped == 0 ? statistics : updates == 0 ? batches : $"{batches}, {statistics}")}";
        return _note;
    }
}
