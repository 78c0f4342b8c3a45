using Evenkeel.Nn;

namespace Evenkeel.Training;

/// <summary>
/// Keeps parts of a model frozen for some epochs: their parameters get no gradients, and their norms use running
/// statistics that do not change (<see cref="NormState.Frozen"/>). For fine-tuning: first the new head, then the rest.
/// </summary>
/// <remarks>
/// It keeps no state: what is frozen follows from the epoch, also in a resumed run. When its time is over, every
/// parameter and norm of a part learns, also one that was frozen by other means before.
/// </remarks>
public sealed class FreezeSchedule : Callback
{
    private readonly (Module Part, int Epochs)[] _parts;

    /// <summary>Makes the schedule.</summary>
    /// <param name="parts">Parts of the model, and for how many epochs from the start each is frozen.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number of epochs is below 1.</exception>
    public FreezeSchedule(params (Module Part, int Epochs)[] parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        foreach ((Module part, int epochs) in parts)
        {
            ArgumentNullException.ThrowIfNull(part, nameof(parts));
            ArgumentOutOfRangeException.ThrowIfLessThan(epochs, 1, nameof(parts));
        }

        _parts = [.. parts];
    }

    /// <inheritdoc/>
    public override void OnFitBegin(Trainer trainer)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        foreach ((Module part, int epochs) in _parts) Set(part, isFrozen: trainer.Epoch < epochs);
    }

    /// <inheritdoc/>
    public override void OnEpochEnd(Trainer trainer, EpochRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        foreach ((Module part, int epochs) in _parts)
        {
            if (record.Epoch == epochs) Set(part, isFrozen: false);
        }
    }

    private static void Set(Module part, bool isFrozen)
    {
        foreach (Parameter parameter in part.Parameters()) parameter.RequiresGradient = !isFrozen;
        if (isFrozen) part.FreezeNorms();
        else part.UnfreezeNorms();
    }
}
