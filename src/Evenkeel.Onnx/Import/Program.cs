using Evenkeel.Nn;
using Evenkeel.Onnx.Format;

namespace Evenkeel.Onnx.Import;

/// <summary>
/// The steps of a network, in an order in which they can run. It holds no layers and no numbers: those belong to the
/// module, and copies of the module share the program.
/// </summary>
internal sealed class Program
{
    /// <summary>Where the first values of a pass come from.</summary>
    public readonly record struct Source(int Slot, int Number, TensorType Type);

    /// <summary>One node.</summary>
    /// <param name="Name">What errors call it.</param>
    /// <param name="Inputs">The slots of its inputs; -1 for one that is left out.</param>
    /// <param name="Outputs">The slots of its outputs; -1 for one that nobody uses.</param>
    /// <param name="Kernel">What it computes, if it is not one layer on one input.</param>
    /// <param name="Layer">The number of the layer that it is, or -1.</param>
    /// <param name="IsReLU">Whether it is a ReLU: the layer or the sum before it may apply it in its own pass.</param>
    /// <param name="IsSum">Whether it is the sum of two values.</param>
    /// <param name="Rank">The number of dimensions that the layer takes; the kernel takes others. Null for any.</param>
    /// <param name="Check">Asks for the memory of a layer's output; null if there is no need.</param>
    public sealed record Step(
        string Name, int[] Inputs, int[] Outputs, Kernel Kernel, int Layer, bool IsReLU, bool IsSum,
        int? Rank, Action<Shape, Pass>? Check);

    private int[] _soleConsumers = [];
    private int[][] _lastUses = [];

    public IReadOnlyList<string> Inputs { get; private set; } = [];

    public IReadOnlyList<string> Outputs { get; private set; } = [];

    private TensorType[] InputTypes { get; set; } = [];

    /// <summary>The size of the first axis of the first input; null if it is open.</summary>
    private long? FixedBatch { get; set; }

    private int[] InputSlots { get; set; } = [];

    private int[] OutputSlots { get; set; } = [];

    private Source[] Weights { get; set; } = [];

    private Source[] Constants { get; set; } = [];

    private Step[] Steps { get; set; } = [];

    private int SlotCount { get; set; }

    /// <summary>Takes everything, once the layers have been made for the module that holds this program.</summary>
    public void Complete(
        IReadOnlyList<string> inputs, TensorType[] inputTypes, long? fixedBatch, int[] inputSlots,
        IReadOnlyList<string> outputs, int[] outputSlots, Source[] weights, Source[] constants, Step[] steps,
        int slotCount)
    {
        (Inputs, InputTypes, FixedBatch, InputSlots) = (inputs, inputTypes, fixedBatch, inputSlots);
        (Outputs, OutputSlots) = (outputs, outputSlots);
        (Weights, Constants, Steps, SlotCount) = (weights, constants, steps, slotCount);
        (_soleConsumers, _lastUses) = (SoleConsumers(), LastUses());
    }

    /// <summary>Runs all steps.</summary>
    public Value[] Run(
        ReadOnlySpan<Tensor> inputs, Module[] layers, Parameter[] weights, Tensor[] constants, long mostBytes)
    {
        // A network that was converted to Float64 computes everything in it.
        bool isWide = Array.Exists(Weights, source =>
            source.Type.Holder == DType.Float32 && weights[source.Number].Value.DType == DType.Float64);
        for (int i = 0; i < inputs.Length; i++) isWide |= CheckInput(i, inputs[i]);
        Tape? tape = null;
        foreach (Tensor input in inputs) tape ??= input.Tape;
        var pass = new Pass(layers, isWide, mostBytes, FixedBatch,
            inputs.Length > 0 && inputs[0].Shape.Rank > 0 ? inputs[0].Shape[0] : null, tape);
        var slots = new Value?[SlotCount];
        for (int i = 0; i < inputs.Length; i++) slots[InputSlots[i]] = new Value(inputs[i], InputTypes[i]);
        foreach (Source source in Weights)
        {
            Parameter weight = weights[source.Number];
            slots[source.Slot] = new Value(tape is null ? weight.Value : tape.Watch(weight), source.Type);
        }

        foreach (Source source in Constants)
        {
            Tensor constant = constants[source.Number];
            DType dtype = pass.TypeOf(source.Type);
            slots[source.Slot] = new Value(
                constant.DType == dtype ? constant : constant.To(dtype), source.Type);
        }

        Execute(slots, pass, tape);
        var outputs = new Value[OutputSlots.Length];
        for (int i = 0; i < outputs.Length; i++) outputs[i] = slots[OutputSlots[i]]!;
        return outputs;
    }

    private void Execute(Value?[] slots, Pass pass, Tape? tape)
    {
        // A hook may keep what it sees.
        bool releases = tape is { RecordGradients: false } && !Array.Exists(pass.Layers, static layer =>
            layer.HasHooks);
        Handles? handles = releases ? new Handles(slots) : null;
        var operands = new Value?[8];
        bool[] done = new bool[Steps.Length];
        for (int i = 0; i < Steps.Length; i++)
        {
            if (!done[i]) RunStep(Steps[i], slots, pass, done, ref operands);
            handles?.Note(Steps[i], slots);
            foreach (int slot in _lastUses[i]) handles?.Release(slot, slots, tape!);
        }
    }

    private void RunStep(
        Step step, Value?[] slots, Pass pass, bool[] done, ref Value?[] operands)
    {
        try
        {
            if (step.Layer >= 0 && (step.Rank is null || slots[step.Inputs[0]]!.Shape.Rank == step.Rank))
            {
                RunLayer(step, slots, pass, done);
                return;
            }

            if (step.IsSum && RunSumWithReLU(step, slots, pass, done)) return;
            if (operands.Length < step.Inputs.Length) operands = new Value?[step.Inputs.Length];
            for (int k = 0; k < step.Inputs.Length; k++)
                operands[k] = step.Inputs[k] < 0 ? null : slots[step.Inputs[k]];
            Value[] results = step.Kernel(new Operands(operands.AsSpan(0, step.Inputs.Length), pass));
            for (int k = results.Length; k < step.Outputs.Length; k++)
            {
                if (step.Outputs[k] >= 0) throw new InvalidDataException($"it makes {results.Length} outputs");
            }

            for (int k = 0; k < step.Outputs.Length && k < results.Length; k++)
            {
                if (step.Outputs[k] < 0) continue;
                pass.Fitting(results[k].Shape);
                slots[step.Outputs[k]] = pass.Entered(results[k]);
            }
        }
        catch (Exception failure) when (failure is InvalidDataException or ArgumentException or Refusal)
        {
            throw new InvalidOperationException(
                $"OnnxModule: {step.Name} cannot compute its output: {failure.Message}", failure);
        }
    }

    /// <summary>
    /// Which values of a pass are handles on one memory. It goes back when the last of them is over. A result has
    /// memory of its own, or that of an operand or of another result of its step.
    /// </summary>
    private sealed class Handles
    {
        /// <summary>For each slot its memory; -1 for none.</summary>
        private readonly int[] _memory;

        /// <summary>For each memory its handles; what the pass was given is never counted down to 0.</summary>
        private readonly List<int> _counts = [];

        public Handles(Value?[] slots)
        {
            _memory = new int[slots.Length];
            for (int i = 0; i < slots.Length; i++) _memory[i] = slots[i] is null ? -1 : Add(2);
        }

        public void Note(Step step, Value?[] slots)
        {
            foreach (int output in step.Outputs)
            {
                if (output < 0 || _memory[output] >= 0 || slots[output] is not { } value) continue;
                int memory = Find(step.Inputs, value, slots);
                if (memory < 0) memory = Find(step.Outputs, value, slots);
                if (memory < 0) _memory[output] = Add(1);
                else _counts[_memory[output] = memory]++;
            }
        }

        public void Release(int slot, Value?[] slots, Tape tape)
        {
            if (slots[slot] is not { } value) return;
            slots[slot] = null;
            if (--_counts[_memory[slot]] == 0) tape.Release(value.Tensor);
        }

        private int Add(int count)
        {
            _counts.Add(count);
            return _counts.Count - 1;
        }

        private int Find(int[] candidates, Value value, Value?[] slots)
        {
            foreach (int slot in candidates)
            {
                if (slot >= 0 && _memory[slot] >= 0 && slots[slot] is { } other
                    && other.Tensor.SharesMemory(value.Tensor)) return _memory[slot];
            }

            return -1;
        }
    }

    /// <summary>For each step the values of the pass that no step after it takes, and that are no outputs.</summary>
    private int[][] LastUses()
    {
        int[] last = new int[SlotCount];
        Array.Fill(last, -1);
        for (int i = 0; i < Steps.Length; i++)
        {
            foreach (int slot in Steps[i].Outputs.Concat(Steps[i].Inputs))
            {
                if (slot >= 0) last[slot] = i;
            }
        }

        foreach (int slot in OutputSlots) last[slot] = -1;
        foreach (int slot in InputSlots) last[slot] = -1;
        foreach (Source source in Weights.Concat(Constants)) last[source.Slot] = -1;
        ILookup<int, int> byStep = Enumerable.Range(0, SlotCount).ToLookup(slot => last[slot]);
        return [.. Enumerable.Range(0, Steps.Length).Select(step => byStep[step].ToArray())];
    }

    /// <summary>A layer, with the ReLU that alone takes its output if the layer can apply it.</summary>
    private void RunLayer(Step step, Value?[] slots, Pass pass, bool[] done)
    {
        Module layer = pass.Layers[step.Layer];
        Value x = pass.Entered(slots[step.Inputs[0]]!);
        step.Check?.Invoke(x.Shape, pass);
        int output = step.Outputs[0];
        if (layer is IFusesReLU fusing && !layer.HasHooks)
        {
            var passed = new List<int>();
            for (int place = output; place >= 0 && _soleConsumers[place] >= 0;)
            {
                int next = _soleConsumers[place];
                Step after = Steps[next];
                passed.Add(next);
                if (after.IsReLU)
                {
                    Value result = x.With(fusing.ForwardWithReLU(x.Tensor));
                    if (after.Outputs[0] >= 0) slots[after.Outputs[0]] = result;
                    foreach (int skipped in passed) done[skipped] = true;
                    return;
                }

                // What folding left in the place of a norm.
                if (after.Layer < 0 || pass.Layers[after.Layer] is not Identity { HasHooks: false }) break;
                place = after.Outputs[0];
            }
        }

        Value y = x.With(layer.Forward(x.Tensor));
        if (output >= 0) slots[output] = y;
    }

    /// <summary>A sum with the ReLU that alone takes it, if both can be one pass over memory.</summary>
    private bool RunSumWithReLU(Step step, Value?[] slots, Pass pass, bool[] done)
    {
        int output = step.Outputs[0], next = output < 0 ? -1 : _soleConsumers[output];
        if (next < 0 || !Steps[next].IsReLU) return false;
        if (slots[step.Inputs[0]] is not { IsFloat: true } a || slots[step.Inputs[1]] is not { IsFloat: true } b)
            return false;
        (a, b) = (pass.Entered(a), pass.Entered(b));
        if (!SumWithReLU.Applies(pass.Tape, a.Tensor, b.Tensor)) return false;
        pass.Fitting(a.Shape);
        if (Steps[next].Outputs[0] is var place and >= 0)
            slots[place] = a.With(SumWithReLU.Apply(pass.Tape!, a.Tensor, b.Tensor));
        done[next] = true;
        return true;
    }

    /// <summary>For each slot the only step that takes it; -1 if there are more, or none, or it is an output.</summary>
    private int[] SoleConsumers()
    {
        int[] sole = new int[SlotCount];
        Array.Fill(sole, -1);
        var seen = new HashSet<int>(OutputSlots);
        for (int i = 0; i < Steps.Length; i++)
        {
            foreach (int slot in Steps[i].Inputs)
            {
                if (slot >= 0) sole[slot] = seen.Add(slot) ? i : -1;
            }
        }

        return sole;
    }

    /// <summary>Whether an input is of Float64 where the file has a narrower type.</summary>
    private bool CheckInput(int number, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        DType expected = InputTypes[number].Holder!.Value;
        if (x.DType == expected) return false;
        if (expected == DType.Float32 && x.DType == DType.Float64) return true;
        throw new ArgumentException($"OnnxModule: expected {expected} for the input \"{Inputs[number]}\" "
            + $"({InputTypes[number]}), got {x.DType}. Convert it with To(DType.{expected}).", nameof(x));
    }
}
