using Evenkeel.Examination;

namespace Evenkeel.Training;

/// <summary>
/// A rule that looks at a training while it runs. It keeps nothing in fields: what it remembers from look to look is in
/// <see cref="TrainingView.Memory"/>, which a checkpoint keeps.
/// </summary>
/// <remarks>
/// A rule of your own goes into <see cref="DoctorOptions.Rules"/> of <see cref="TrainingDoctor.Options"/>. All methods
/// run in the thread that trains.
/// </remarks>
public abstract class TrainingRule : DoctorRule
{
    /// <summary>After a step at which the doctor looks (<see cref="TrainingDoctor.Every"/>).</summary>
    /// <param name="training">What was measured in this step.</param>
    /// <param name="findings">Takes findings, and what could not be checked.</param>
    public virtual void OnStep(TrainingView training, FindingSink findings)
    {
    }

    /// <summary>After a step that was not taken, because the loss or a gradient was not finite.</summary>
    /// <param name="training">What was measured. Weights and norms are those of an earlier step.</param>
    /// <param name="findings">Takes findings, and what could not be checked.</param>
    public virtual void OnSkip(TrainingView training, FindingSink findings)
    {
    }

    /// <summary>
    /// After a step at which the members of a group compare themselves (<see cref="TrainingDoctor.CompareEvery"/>). All
    /// members come here after the same step.
    /// </summary>
    /// <param name="training">What was measured. Weights and norms may be those of an earlier step.</param>
    /// <param name="findings">Takes findings, and what could not be checked.</param>
    public virtual void OnCompare(TrainingView training, FindingSink findings)
    {
    }

    /// <summary>After the evaluation at the end of an epoch.</summary>
    /// <param name="training">What was measured.</param>
    /// <param name="record">The record of the epoch.</param>
    /// <param name="findings">Takes findings, and what could not be checked.</param>
    public virtual void OnEpoch(TrainingView training, EpochRecord record, FindingSink findings)
    {
    }
}
