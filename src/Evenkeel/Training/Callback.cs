using Evenkeel.Nn;

namespace Evenkeel.Training;

/// <summary>How a call of <see cref="Trainer.Fit(Data.DataLoader, Data.DataLoader?, IProgress{TrainProgress}?,
/// CancellationToken)"/> ended.</summary>
public enum FitEnd
{
    /// <summary>All epochs are done.</summary>
    Completed,

    /// <summary><see cref="Trainer.Stop"/> was called, for example by <see cref="EarlyStopping"/>.</summary>
    Stopped,

    /// <summary>The loss or a gradient was not finite, and the options end the run.</summary>
    Diverged,

    /// <summary>The token was cancelled.</summary>
    Cancelled,

    /// <summary>An exception ends the run.</summary>
    Failed,
}

/// <summary>
/// Something that happens during a training: stop early, write a log, average weights. Override what you need. All
/// methods run in the thread that trains, in the order of <see cref="TrainerOptions.Callbacks"/>.
/// </summary>
/// <remarks>
/// A callback may read the model and call <see cref="Trainer.Evaluate(Data.IDataset, CancellationToken)"/> and
/// <see cref="Trainer.Stop"/>. An exception of a callback ends the run after a whole step; Fit can be called again. Why
/// a run was stopped is not in its checkpoints: a callback that stops decides again in <see cref="OnFitBegin"/>.
/// </remarks>
public abstract class Callback
{
    /// <summary>The name in errors and checkpoints. Default: the name of the type.</summary>
    public virtual string Name => GetType().Name;

    /// <summary>Before the first step of a call of Fit, after a checkpoint was loaded.</summary>
    /// <param name="trainer">The trainer.</param>
    public virtual void OnFitBegin(Trainer trainer)
    {
    }

    /// <summary>After each step, before the end of an epoch is handled.</summary>
    /// <param name="trainer">The trainer. <see cref="Trainer.Iteration"/> counts this step.</param>
    public virtual void OnStepEnd(Trainer trainer)
    {
    }

    /// <summary>After the evaluation at the end of an epoch.</summary>
    /// <param name="trainer">The trainer.</param>
    /// <param name="record">What the epoch has measured.</param>
    public virtual void OnEpochEnd(Trainer trainer, EpochRecord record)
    {
    }

    /// <summary>
    /// When a rule of <see cref="TrainerOptions.Doctor"/> has found something: after the step or the epoch, before
    /// <see cref="OnStepEnd"/> or <see cref="OnEpochEnd"/>.
    /// </summary>
    /// <param name="trainer">The trainer.</param>
    /// <param name="finding">What was found.</param>
    public virtual void OnFinding(Trainer trainer, TrainingFinding finding)
    {
    }

    /// <summary>At the end of a call of Fit, before the best model is restored.</summary>
    /// <param name="trainer">The trainer.</param>
    /// <param name="end">How it ended.</param>
    public virtual void OnFitEnd(Trainer trainer, FitEnd end)
    {
    }

    /// <summary>
    /// What a resumed run needs of this callback, as named tensors. Null if it keeps nothing that cannot be read from
    /// <see cref="Trainer.History"/>. Default: null.
    /// </summary>
    public virtual StateDict? StateDict() => null;

    /// <summary>Takes what <see cref="StateDict"/> has given.</summary>
    /// <param name="state">The named tensors.</param>
    /// <exception cref="ArgumentException">The state does not fit.</exception>
    public virtual void LoadStateDict(StateDict state)
    {
    }
}
