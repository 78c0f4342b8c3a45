using Evenkeel.Training;

namespace Evenkeel.Workbench.Runs;

/// <summary>
/// What the processes after the first do in a training with several: they compute their parts, and write nothing.
/// </summary>
internal static class RunHelp
{
    /// <summary>Trains beside the first process.</summary>
    /// <param name="plan">What to train, the same as on the first process.</param>
    /// <param name="resumed">The run that goes on; null for a new one.</param>
    /// <param name="workers">Threads that prepare batches.</param>
    /// <param name="processes">The processes.</param>
    /// <param name="shardsOptimizer">Whether they share the state of the optimizer.</param>
    /// <param name="cancellation">Interrupts all of them.</param>
    /// <exception cref="OperationCanceledException">One of them was interrupted.</exception>
    /// <exception cref="DivergedException">It diverged.</exception>
    /// <exception cref="WorkbenchException">The processes are not alike.</exception>
    public static void Train(
        TrainingPlan plan, RunFolder? resumed, int workers, IProcessGroup processes, bool shardsOptimizer,
        CancellationToken cancellation)
    {
        Trainer trainer = plan.CreateTrainer([], checkpoints: null, workers, processes, shardsOptimizer);
        if (resumed is not null) RunTraining.Resume(trainer, resumed, says: null);
        try
        {
            trainer.Fit(plan.Data.Training.Samples, plan.Data.Validation.Samples, null, cancellation);
        }
        catch (Exception failure) when (failure is ArgumentException or InvalidOperationException)
        {
            throw new WorkbenchException(UserText.Of(failure), failure);
        }
    }
}
