using Evenkeel.Nn;

namespace Evenkeel.Optim;

/// <content>The state that several processes share: each keeps and updates its elements of every parameter.</content>
public abstract partial class Optimizer
{
    private ElementShare _share = ElementShare.Whole;

    /// <summary>
    /// Bytes of the state tensors that this process has made so far. With
    /// <see cref="Evenkeel.Training.TrainerOptions.ShardsOptimizerState"/> they are those of its share.
    /// </summary>
    public long StateBytes
    {
        get
        {
            long bytes = 0;
            foreach (Tensor? state in _state) bytes += state?.Bytes().Length ?? 0;
            return bytes;
        }
    }

    /// <summary>Whether this process has a share of the state only.</summary>
    internal bool IsShared => _share.Size > 1;

    /// <summary>Whether a key of the state belongs to counts, rates or settings, which all processes have.</summary>
    internal static bool IsScalarKey(string key) => !char.IsAsciiDigit(key.AsSpan(key.IndexOf('.') + 1)[0]);

    /// <summary>Keeps the share of this process, and forgets the rest of the state.</summary>
    /// <exception cref="InvalidOperationException">It keeps another share.</exception>
    internal void KeepShare(ElementShare share)
    {
        if (share == _share) return;
        if (IsShared)
        {
            throw new InvalidOperationException(
                $"{Name}: expected the {_share.Size} processes that share the state of this optimizer, got "
                + $"{share.Size}. Make a new optimizer and resume from a checkpoint.");
        }

        for (int s = 0; s < _state.Length; s++)
        {
            if (_state[s] is not { } whole) continue;
            Tensor own = Tensor.Zeros([share.Of(whole.Count).Count], whole.DType);
            Take(share, whole, own);
            _state[s] = own;
        }

        _share = share;
        CutChunks();
    }

    /// <summary>Updates the elements of the share. The weights of the others are those of the last step.</summary>
    internal void StepShare() => Update();

    /// <summary>The counts and rates, and the state tensors that there are. They are not copied.</summary>
    internal StateDict StateSoFar() => Write((i, s) =>
        i * States.Length + s < _state.Length ? _state[i * States.Length + s] : null);

    /// <summary>The state with tensors that <see cref="GatherState"/> has gathered.</summary>
    internal StateDict WholeState(Tensor[] gathered) => Write((i, s) => gathered[i * States.Length + s]);

    /// <summary>Sends the shares of all processes to the first one.</summary>
    /// <returns>The whole state tensors on the first process; null on the others.</returns>
    internal Tensor[]? GatherState(IProcessGroup group)
    {
        ReadOnlySpan<StateSlot> slots = States;
        bool isFirst = group.Rank == 0;
        Tensor[]? all = isFirst ? new Tensor[_parameters.Count * slots.Length] : null;
        int[] sentCounts = new int[group.Size], receivedCounts = new int[group.Size];
        for (int i = 0; i < _parameters.Count; i++)
        {
            EnsureState(i);
            for (int s = 0; s < slots.Length; s++)
            {
                Span<byte> own = _state[i * slots.Length + s]!.Bytes();
                int elementBytes = _parameters[i].DType.SizeInBytes();
                byte[] sent = GC.AllocateUninitializedArray<byte>(own.Length, pinned: true);
                own.CopyTo(sent);
                sentCounts[0] = sent.Length;
                for (int rank = 0; isFirst && rank < group.Size; rank++)
                {
                    receivedCounts[rank] =
                        new ElementShare(rank, group.Size).Of(_parameters[i].Count).Count * elementBytes;
                }

                byte[] received = GC.AllocateUninitializedArray<byte>(receivedCounts.Sum(), pinned: true);
                group.BeginAllToAll($"state of {_parameters[i].Name}", sent, sentCounts, received, receivedCounts)
                    .Wait();
                if (all is null) continue;
                Tensor whole = Tensor.Zeros(_parameters[i].Shape, _parameters[i].DType);
                received.CopyTo(whole.Bytes());
                all[i * slots.Length + s] = whole;
            }
        }

        return all;
    }

    /// <summary>The shape of a state tensor.</summary>
    private Shape StateShape(int parameter) =>
        IsShared ? [_share.Of(_parameters[parameter].Count).Count] : _parameters[parameter].Shape;

    /// <summary>Takes the elements of a share.</summary>
    private static void Take(ElementShare share, Tensor whole, Tensor own)
    {
        int elementBytes = whole.DType.SizeInBytes();
        (int start, int count) = share.Of(whole.Count);
        whole.Bytes().Slice(start * elementBytes, count * elementBytes).CopyTo(own.Bytes());
    }

    private void RefuseIfShared(string method)
    {
        if (!IsShared) return;
        throw new InvalidOperationException(
            $"{Name}.{method}: expected an optimizer with its whole state, got one whose state {_share.Size} processes "
            + "share. The trainer steps it, and TrainerOptions.Checkpoints gathers and writes its state. Resume from a "
            + "checkpoint in one process to have it whole.");
    }
}
