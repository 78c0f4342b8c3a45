using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// What the norms share that can keep running statistics (batch norm and its kin, instance norm): gamma, beta, the statistics, and whether training may change them (<see cref="NormState"/>).
/// </summary>
/// <remarks>
/// <para>Three ideas have three names. <see cref="Mode"/> belongs to the tape: what this pass is for. <see cref="TrackRunningStats"/> is decided when the layer is made and never changes: whether there are
/// statistics at all. <see cref="State"/> belongs to the layer and stays until another call changes it: whether training may move them.</para>
/// <para>A frozen layer uses its running statistics in every mode and does not update them. <see cref="Module.ZeroGrad"/> and the mode of a tape leave the state alone;
/// <see cref="Module.Initialize(Init, ulong)"/> and <see cref="Module.LoadStateDict"/> write values, into a frozen layer too, and leave it frozen. <c>model.Save</c> and the trainer's checkpoints keep the
/// state, and <c>Clone</c> copies it.</para>
/// </remarks>
public abstract class TrackingNorm : Module, IInitializable, INormalization
{
    private protected TrackingNorm(int numFeatures, double eps, RunningAverage average, bool useScale, bool useBias, bool trackRunningStats)
    {
        NormChecks.Features(TypeName, numFeatures);
        NormChecks.Eps(TypeName, eps);
        NumFeatures = numFeatures;
        Eps = eps;
        Average = average;
        if (useScale) Weight = Register("weight", Tensor.Ones([numFeatures]), ParameterRole.NormScale);
        if (useBias) Bias = Register("bias", Tensor.Zeros([numFeatures]), ParameterRole.NormShift);
        if (trackRunningStats) RegisterBuffers(Running = new RunningStatistics(numFeatures, average));
    }

    /// <summary>A layer of another kind with all that <paramref name="source"/> has: copies of its parameters and statistics, and its state.</summary>
    private protected TrackingNorm(TrackingNorm source, ModuleCopier copier)
    {
        (NumFeatures, Eps, Average, State) = (source.NumFeatures, source.Eps, source.Average, source.State);
        if (source.Weight is { } weight) Weight = Register("weight", copier.Copy(weight));
        if (source.Bias is { } bias) Bias = Register("bias", copier.Copy(bias));
        if (source.Running is { } running) RegisterBuffers(Running = copier.Copy(running));
    }

    /// <summary>Number of channels C.</summary>
    public int NumFeatures { get; }

    /// <summary>What is added to the variance.</summary>
    public double Eps { get; }

    /// <summary>gamma, one value a channel, 1 at first; null where there is none.</summary>
    public Parameter? Weight { get; }

    /// <summary>beta, one value a channel, 0 at first; null where there is none.</summary>
    public Parameter? Bias { get; }

    /// <summary>How running statistics follow the batches, where there are any.</summary>
    public RunningAverage Average { get; }

    /// <summary>The running statistics; null where <c>trackRunningStats: false</c>.</summary>
    public RunningStatistics? Running { get; }

    /// <summary>
    /// Whether the layer keeps running statistics. It cannot be changed later (in PyTorch it can, and eval then still uses what was tracked before): make a layer without them and load gamma and beta into it,
    /// or <see cref="FreezeStatistics"/> to stop the updates.
    /// </summary>
    public bool TrackRunningStats => Running is not null;

    /// <summary>What training may change; <see cref="NormState.Active"/> at first.</summary>
    public NormState State { get; private set; }

    /// <summary>Makes all of the layer constant: it normalizes with its running statistics in every mode, and statistics, gamma and beta stay as they are whatever the optimizer and its weight decay do.</summary>
    /// <remarks>gamma and beta want no gradient from now on, and gradients that they have are marked empty. One that is tied to another layer's is constant there too.</remarks>
    /// <exception cref="InvalidOperationException">The layer keeps no running statistics.</exception>
    public void Freeze() => Set(NormState.Frozen, nameof(Freeze));

    /// <summary>Makes the running statistics constant: they are used in every mode and not updated. gamma and beta (again) learn.</summary>
    /// <exception cref="InvalidOperationException">The layer keeps no running statistics.</exception>
    public void FreezeStatistics() => Set(NormState.FrozenStatistics, nameof(FreezeStatistics));

    /// <summary>Back to <see cref="NormState.Active"/>: statistics follow the batches, gamma and beta learn.</summary>
    public void Unfreeze() => Set(NormState.Active, nameof(Unfreeze));

    /// <summary>Whatever the scheme: gamma 1, beta 0, running statistics at their start values.</summary>
    void IInitializable.SetStartValues(Init init, IRandomStream random)
    {
        Weight?.Value.Fill(1);
        Bias?.Value.Fill(0);
        Running?.Reset();
    }

    /// <summary>The dimension of the channels, from 0, in an input of this shape.</summary>
    internal abstract int AxisOf(Shape shape);

    /// <summary>An input of the layer as its op takes it: (N, C) or (N, C, ...). A reshape at most.</summary>
    internal abstract Tensor AsPlanes(Tensor x);

    /// <summary>gamma as a pass uses it.</summary>
    private protected Tensor? Gamma => Constant(Weight);

    /// <summary>beta as a pass uses it.</summary>
    private protected Tensor? Beta => Constant(Bias);

    /// <summary>What <see cref="object.ToString"/> adds to the settings: the state, unless it is <see cref="NormState.Active"/>.</summary>
    private protected string StateText => State == NormState.Active ? "" : $", state={State}";

    internal void Set(NormState state, string method)
    {
        if (Running is null && state != NormState.Active)
            throw new InvalidOperationException($"{TypeName}.{method}: expected a layer with running statistics, got one without (trackRunningStats: false); it normalizes with the batch's own in every mode, so there is nothing that could be held. Create it with trackRunningStats: true.");
        if (state == NormState.Frozen || State == NormState.Frozen)
        {
            foreach ((_, Parameter parameter) in OwnParameters)
            {
                parameter.RequiresGradient = state != NormState.Frozen;
                if (state == NormState.Frozen) parameter.ZeroGrad();
            }
        }

        Running?.IsFrozen = state != NormState.Active;
        State = state;
    }

    private void RegisterBuffers(RunningStatistics running)
    {
        RegisterBuffer("running_mean", running.Mean);
        RegisterBuffer("running_var", running.Variance);
        RegisterBuffer("num_batches_tracked", running.NumBatchesTracked, optional: true);
    }

    /// <summary>A loop that lets all parameters of a model learn does not thaw a frozen layer.</summary>
    private Tensor? Constant(Parameter? parameter) => State == NormState.Frozen && parameter is { RequiresGradient: true } ? parameter.Value.Detach() : parameter;
}
