# frozen_string_literal: true

Gem::Specification.new do |gem|
  gem.name = 'plasma-store'
  gem.version = '0.1.0'
  gem.summary = 'Immutable objects in memory that processes share'
  gem.authors = ['The authors of Plasma']
  gem.license = 'Apache-2.0'
  gem.required_ruby_version = '>= 3.1'
  gem.files = Dir['lib/**/*.rb'] + ['README.md']
end
