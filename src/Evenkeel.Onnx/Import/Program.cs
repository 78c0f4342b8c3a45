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
    /// <param name="IsReLU">Whether it is a ReLU, which the layer before it may apply in its own pass.</param>
    public sealed record Step(string Name, int[] Inputs, int[] Outputs, Kernel Kernel, int Layer, bool IsReLU);

    private int[]? _soleConsumers;
    private int[][]? _lastUses;

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
        IReadOnlyList<string> outputs, int[] outputSlots, Source[] weights, Source[] constants, Step[] steps, int slotCount)
    {
        (Inputs, InputTypes, FixedBatch, InputSlots) = (inputs, inputTypes, fixedBatch, inputSlots);
        (Outputs, OutputSlots) = (outputs, outputSlots);
        (Weights, Constants, Steps, SlotCount) = (weights, constants, steps, slotCount);
    }

    /// <summary>Runs all steps.</summary>
    public Value[] Run(
        ReadOnlySpan<Tensor> inputs, Module[] layers, Parameter[] weights, Tensor[] constants)
    {
        bool isWide = false;
        for (int i = 0; i < inputs.Length; i++) isWide |= CheckInput(i, inputs[i]);
        var pass = new Pass(
            layers, isWide, FixedBatch, inputs.Length > 0 && inputs[0].Shape.Rank > 0 ? inputs[0].Shape[0] : null);
        var slots = new Value?[SlotCount];
        for (int i = 0; i < inputs.Length; i++) slots[InputSlots[i]] = new Value(inputs[i], InputTypes[i]);
        foreach (Source source in Weights) slots[source.Slot] = new Value(weights[source.Number], source.Type);
        foreach (Source source in Constants)
        {
            Tensor constant = constants[source.Number];
            DType dtype = pass.TypeOf(source.Type);
            slots[source.Slot] = new Value(
                constant.DType == dtype ? constant : constant.To(dtype), source.Type);
        }

        Execute(slots, pass, inputs.Length == 0 ? null : inputs[0].Tape);
        var outputs = new Value[OutputSlots.Length];
        for (int i = 0; i < outputs.Length; i++) outputs[i] = slots[OutputSlots[i]]!;
        return outputs;
    }

    private void Execute(Value?[] slots, Pass pass, Tape? tape)
    {
        int[] sole = _soleConsumers ??= SoleConsumers();
        int[][] lastUses = _lastUses ??= LastUses();
        // A hook may keep what it sees.
        bool releases = tape is { RecordGradients: false } && !Array.Exists(pass.Layers, static layer => layer.HasHooks);
        var operands = new Value?[8];
        bool[] done = new bool[Steps.Length];
        for (int i = 0; i < Steps.Length; i++)
        {
            if (!done[i]) RunStep(Steps[i], slots, pass, sole, done, ref operands);
            if (releases) Release(lastUses[i], slots, tape!);
        }
    }

    private void RunStep(
        Step step, Value?[] slots, Pass pass, int[] sole, bool[] done, ref Value?[] operands)
    {
        try
        {
            if (step.Layer >= 0)
            {
                RunLayer(step, slots, pass, sole, done);
                return;
            }

            if (operands.Length < step.Inputs.Length) operands = new Value?[step.Inputs.Length];
            for (int k = 0; k < step.Inputs.Length; k++)
                operands[k] = step.Inputs[k] < 0 ? null : slots[step.Inputs[k]];
            Value[] results = step.Kernel(new Operands(operands.AsSpan(0, step.Inputs.Length), pass));
            for (int k = 0; k < step.Outputs.Length && k < results.Length; k++)
            {
                if (step.Outputs[k] >= 0) slots[step.Outputs[k]] = results[k];
            }
        }
        catch (Exception failure) when (failure is InvalidDataException or ArgumentException)
        {
            throw new InvalidOperationException(
                $"OnnxModule: {step.Name} cannot compute its output: {failure.Message}", failure);
        }
    }

    /// <summary>
    /// Gives back the memory of values that no later step takes, unless another value is a handle on the same memory.
    /// </summary>
    private static void Release(int[] over, Value?[] slots, Tape tape)
    {
        foreach (int slot in over)
        {
            if (slots[slot] is not { } value) continue;
            slots[slot] = null;
            if (!Array.Exists(slots, other => other is not null && other.Tensor.SharesMemory(value.Tensor)))
                tape.Release(value.Tensor);
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
    private void RunLayer(Step step, Value?[] slots, Pass pass, int[] sole, bool[] done)
    {
        Module layer = pass.Layers[step.Layer];
        Value x = slots[step.Inputs[0]]!;
        if (layer is IFusesReLU fusing && !layer.HasHooks)
        {
            int output = step.Outputs[0];
            var passed = new List<int>();
            while (output >= 0 && sole[output] >= 0)
            {
                int next = sole[output];
                Step after = Steps[next];
                passed.Add(next);
                if (after.IsReLU)
                {
                    slots[after.Outputs[0]] = x.With(fusing.ForwardWithReLU(x.Tensor));
                    foreach (int skipped in passed) done[skipped] = true;
                    return;
                }

                // What folding left in the place of a norm.
                if (after.Layer < 0 || pass.Layers[after.Layer] is not Identity { HasHooks: false }) break;
                output = after.Outputs[0];
            }
        }

        slots[step.Outputs[0]] = x.With(layer.Forward(x.Tensor));
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
