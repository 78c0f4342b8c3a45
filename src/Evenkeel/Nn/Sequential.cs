using System.Collections;

namespace Evenkeel.Nn;

/// <summary>
/// Modules run one after the other, named <c>0</c>, <c>1</c>, ... as in PyTorch: y = fₙ(...f₁(x)).
/// </summary>
/// <remarks>
/// A normalization layer followed by a <see cref="ReLU"/> runs as one op (same bits, one pass over memory less) unless
/// one of the two is hooked. So does a convolution if no gradient is wanted. An <see cref="Identity"/> between them is
/// skipped.
/// </remarks>
public sealed class Sequential : Module, IReadOnlyList<Module>
{
    private Module[] _modules = [];

    /// <summary>Creates the chain; more modules can be added, also by a collection initializer.</summary>
    public Sequential(params ReadOnlySpan<Module> modules)
    {
        foreach (Module module in modules) Add(module);
    }

    /// <summary>Number of modules.</summary>
    public int Count => _modules.Length;

    /// <summary>The module at a position.</summary>
    public Module this[int index] => _modules[index];

    /// <summary>Appends a module, named by its position.</summary>
    public void Add(Module module) => Add(_modules.Length.ToString(), module);

    /// <summary>Appends a module under a name of its own.</summary>
    /// <param name="name">The first part of its state-dict keys, for example <c>conv1</c>.</param>
    /// <param name="module">The module.</param>
    /// <exception cref="ArgumentException">The name is empty, taken or holds a '.' or '/'.</exception>
    public void Add(string name, Module module)
    {
        Register(name, module);
        _modules = [.. _modules, module];
    }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x)
    {
        Module[] modules = _modules;
        for (int i = 0; i < modules.Length; i++)
        {
            Module module = modules[i];
            int next = i + 1;
            while (next < modules.Length && modules[next] is Identity { HasHooks: false }) next++;
            if (module is IFusesReLU layer && next < modules.Length && modules[next] is ReLU relu && !module.HasHooks
                && !relu.HasHooks)
            {
                x = layer.ForwardWithReLU(x);
                i = next;
            }
            else
            {
                x = module.Forward(x);
            }
        }

        return x;
    }

    /// <inheritdoc/>
    public IEnumerator<Module> GetEnumerator() => ((IEnumerable<Module>)_modules).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
